"""What SQL selects as perhaps a number, against what the program decides to be one; and the index that serves it."""

from phonenumbers import PhoneNumberFormat, format_number, parse
from sqlalchemy.dialects import postgresql

from reconciler.domain.doctor import Note
from reconciler.store.app import recipients
from reconciler.store.app.app_tables import AppTables
from reconciler.store.app.evidence import number_key
from reconciler.text.phones import Phones
from reconciler.wiring import assembly
from tests.fuzz.numbers import drawn_field, drawn_number, drawn_spelling
from tests.support.sandbox_world import World


def fields(number: int) -> list[tuple[str, str]]:
    """Numbers, each with a field as somebody may have written it."""
    found = []
    for seed in range(number):
        drawn = drawn_number(seed)
        if drawn is None:
            continue
        national = format_number(parse(drawn), PhoneNumberFormat.NATIONAL)
        found += [(drawn, drawn_spelling(seed, drawn, national)), (drawn, f"{drawn_field(seed)[:60]}{drawn[-9:]}")]
    return [(drawn, field.replace("\x00", "").encode(errors="replace").decode()) for drawn, field in found]


def selected(world: World, numbers: set[str]) -> set[str]:
    with world.services(act=False) as services, services.store.reading() as tx:
        return {written for _, written in tx.bookings.refusing_numbers(services.phones.tails(numbers))}


def test_c10_sql_leaves_out_no_field_that_means_the_number(world: World) -> None:
    drawn = fields(400)
    for _, field in drawn:
        world.venue.customer(mobile_e164=None, mobile_number=field, sms_opt_in=False)
    for number, field in drawn[:100]:
        assert not Phones("GB").meant([field], [number])[field] or field in selected(world, {number})
    meant = {field for number, field in drawn if Phones("GB").meant([field], [number])[field]}
    assert len(meant) > len(drawn) / 2
    assert meant <= selected(world, {number for number, _ in drawn})


def test_with_many_customers_the_doctor_prints_an_index_that_serves_the_question(world: World) -> None:
    world.venue.alter(
        "INSERT INTO customers (id, first_name, mobile_e164, mobile_number, sms_opt_in)"
        " SELECT gen_random_uuid(), 'Ana', '+4479' || lpad(n::text, 8, '0'), '079' || lpad(n::text, 8, '0'), n % 20 > 0"
        " FROM generate_series(1, 20000) n; ANALYZE customers;"
        " UPDATE pg_class SET reltuples = 1e6 WHERE relname = 'customers'"
    )
    missing = notes(world)
    assert len(missing) == 2
    for note in missing:
        world.venue.alter(note.sql.replace("CONCURRENTLY ", ""))
    world.venue.alter("UPDATE pg_class SET reltuples = 1e6 WHERE relname = 'customers'")
    assert notes(world) == []
    world.venue.alter("ANALYZE customers")
    tails = Phones("GB").tails(["+447900000020"])
    statement = recipients.refusing(AppTables.of(assembly.application(world.settings())))
    assert statement is not None
    bound = statement.params(**number_key.values(tails)).compile(
        dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
    )
    plan = "\n".join(line for (line,) in world.venue.sql("EXPLAIN " + str(bound).replace("%%", "%")))
    assert plan.count("Bitmap Index Scan") >= 2, plan
    assert "Seq Scan" not in plan, plan
    assert selected(world, {"+447900000020"}) == {"+447900000020", "07900000020"}


def notes(world: World) -> list[Note]:
    with world.services(act=False) as services, services.store.reading() as tx:
        return [note for note in tx.bookings.notes() if "by last digits of" in note.message]
