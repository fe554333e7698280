"""Whether each text can be written for the barest and for the fullest booking, and what would be refused."""

from collections.abc import Iterator, Sequence

from reconciler.domain.doctor import Note
from reconciler.ports import MessageWriter, TemplateTrial


def template_notes(writer: MessageWriter, most_segments: int) -> Sequence[Note]:
    trials = list(writer.trials())
    longest = max((trial.segments for trial in trials), default=0)
    statuses = {trial.status for trial in trials}
    fine = Note(message=f"{len(statuses)} tried on the barest and the fullest booking, at most {longest} segments")
    return [fine, *(note for trial in trials for note in _warnings(trial, most_segments))]


def _warnings(trial: TemplateTrial, most_segments: int) -> Iterator[Note]:
    template = f"the template of {trial.status}"
    booking = "a booking with everything" if trial.is_full else "a booking with a date and a number alone"
    if trial.lacks:
        lacks = " and ".join(trial.lacks)
        yield Note(
            message=f"{template} prints {lacks}: a booking without gets no text but needs a human",
            remedy=f"put it between {{% if {trial.lacks[0]} %}} and {{% endif %}}, unless no booking lacks it",
        )
    elif trial.why:
        yield Note(
            message=f"{template} cannot be filled for {booking} ({trial.why}): it gets no text but needs a human",
            remedy="correct the template",
        )
    elif trial.segments > most_segments:
        yield Note(
            message=f"{template} takes {trial.segments} segments for {booking}, and limits.segments is {most_segments}",
            remedy="shorten the template, or raise limits.segments",
        )
