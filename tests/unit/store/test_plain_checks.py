"""A CHECK that lists values, as PostgreSQL writes it; and what is none, which nobody guesses at."""

import pytest

from reconciler.store.schema.plain_checks import accepts

PLAIN = (
    "(status = ANY (ARRAY['draft'::text, 'sent'::text]))",
    "((status)::text = ANY ((ARRAY['draft'::character varying, 'sent'::character varying])::text[]))",
    "((status)::text = ANY (ARRAY[('draft'::character varying)::text, ('sent'::character varying)::text]))",
    "((status = 'draft'::text) OR (status = 'sent'::text))",
    "((status IS NULL) OR (status = ANY (ARRAY['draft'::text, 'sent'::text])))",
    "((status <> ALL (ARRAY['failed'::text, 'it''s'::text])) AND (status <> 'gone'::text))",
    "(status <> 'failed'::text)",
)
OTHER = (
    "public.allowed(status)",
    "(lower(status) = 'sent'::text)",
    "(status OPERATOR(public.=) 'sent'::text)",
    "(status = 'sent'::public.text)",
    "((status)::public.word = 'sent'::text)",
    "((status)::character varying(2) = 'se'::character varying)",
    "(status = ANY (public.allowed()))",
    "((status = 'sent'::text) OR public.allowed(status))",
    "(status ~ '^[a-z]+$'::text)",
    "(length(status) < 10)",
    "((status)::bpchar = 'sent'::bpchar)",
    "(status = other)",
    "(NOT (status = 'failed'::text))",
    "true",
    "",
    "(status = 'sent'::text",
    "(status = 'sent'::text))",
    "status = E'\\\\'",
    "(" * 5000 + "status = 'sent'" + ")" * 5000,
)


@pytest.mark.parametrize("expression", PLAIN)
def test_a_plain_check_is_read(expression: str) -> None:
    assert [accepts(expression, "status", value) for value in ("sent", "failed")] == [True, False]


@pytest.mark.parametrize("expression", OTHER)
def test_any_other_is_not_judged(expression: str) -> None:
    assert accepts(expression, "status", "sent") is None


@pytest.mark.parametrize("column", ["Status", "or", 'a "b"', "it's"])
def test_a_column_that_must_be_quoted(column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'
    assert accepts(f"({quoted} = 'sent'::text)", column, "sent") is True
    assert accepts(f"({quoted} = 'sent'::text)", column, "failed") is False
    assert accepts("(another = 'sent'::text)", column, "failed") is None


def test_whole_numbers() -> None:
    assert [accepts("(kind = ANY (ARRAY[1, 2, -3]))", "kind", value) for value in ("2", "-3", "4")] == [
        True,
        True,
        False,
    ]
    assert accepts("(kind = ANY (ARRAY[1.5, 2]))", "kind", "2") is None
