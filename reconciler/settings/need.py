"""What a command needs of the environment. It is never refused for a variable that it does not need."""

from enum import Enum, auto


class Need(Enum):
    FILE = auto()
    """No variable: the command prints what follows from cron.yaml."""
    DATABASE = auto()
    """DATABASE_URL alone: the command reads or writes the ledger and meets no provider."""
    READ = auto()
    """DATABASE_URL alone. What else is set shows what a pass would do with it; a provider may have no variable here."""
    DOCTOR = auto()
    """As ``READ``, but whatever ``ACT`` needs and does not find is a failure to report."""
    ACT = auto()
    """Everything. A wrong or missing variable of a provider is a fault of its effect; any other is refused."""
    DRILL = auto()
    """As ``ACT``, but no customer is texted: what has to be answered before the first text may be open."""

    @property
    def reads_providers(self) -> bool:
        return self in (Need.READ, Need.DOCTOR, Need.ACT, Need.DRILL)

    @property
    def reads_listeners(self) -> bool:
        """Whether on-call routes and dead man's switches are read."""
        return self in (Need.DOCTOR, Need.ACT, Need.DRILL)

    @property
    def acts(self) -> bool:
        """Whether a variable that is no provider's must be right."""
        return self in (Need.ACT, Need.DRILL)
