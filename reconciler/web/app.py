"""The routes: each reads, and answers with a page or data. GET and HEAD only; none of them writes anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reconciler.engine.explain import explanation
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable, ReconcilerError
from reconciler.ports import Services
from reconciler.settings import Settings
from reconciler.store.database import READ, Database
from reconciler.store.ledger.check import require_ledger
from reconciler.store.views.dashboard import DashboardSnapshot, dashboard_snapshot, last_day, last_runs
from reconciler.timing.clock import SystemClock
from reconciler.web import metrics
from reconciler.web.booking_view import BookingView
from reconciler.web.chart import chart
from reconciler.web.db_executor import DbExecutor
from reconciler.web.readiness import ReadinessCheck
from reconciler.web.rendering import Pages
from reconciler.web.security import Gate
from reconciler.web.serving.refusals import Refusals
from reconciler.web.status_view import status_view

ROUTES = {
    "/": "status_page",
    "/bookings": "search",
    "/bookings/{booking:path}": "booking",
    "/api/bookings/{booking:path}": "status",
    "/metrics": "scrape",
    "/healthz": "healthz",
    "/readyz": "readyz",
    "/page.css": "css",
}
"""Path -> the method of ``Site`` that answers it."""
MAX_ID_LENGTH = 200
MAX_MATCHES = 20
"""Bookings listed where several match a search."""
MIN_SEARCH_LENGTH = 4
"""Characters that a search needs: fewer would match half of the bookings."""
RETRY_AFTER = {"Retry-After": "10"}
"""For programs: seconds after which a retry makes sense."""
_CSS = files("reconciler.web").joinpath("templates", "page.css")


class _Missing(HTTPException):
    """404: no such booking."""

    def __init__(self) -> None:
        super().__init__(404, "no booking has this id, or no rule covers it")


@dataclass
class Site:
    """Everything the routes share. ``last``: the last snapshot, shown while the database does not answer."""

    settings: Settings
    database: Database
    services: Services
    executor: DbExecutor
    last: DashboardSnapshot | None = None
    pages: Pages = field(init=False)
    ready: ReadinessCheck = field(init=False)

    def __post_init__(self) -> None:
        self.ready = ReadinessCheck(self.executor, self._check_ledger)
        self.pages = Pages(self.settings.file.timezone)

    def app(self, refusals: Refusals) -> ASGIApp:
        routes = [Route(path, getattr(self, name)) for path, name in ROUTES.items()]
        handlers = {
            HTTPException: self.http_error,
            ReconcilerError: self.database_error,
            Exception: self.internal_error,
        }
        inner = Starlette(routes=routes, exception_handlers=handlers)
        return Gate(inner, self.settings.environment.token, refusals)

    async def status_page(self, request: Request) -> Response:
        self.last = await self.executor.run(self._snapshot)
        return self._status_page(self.last)

    async def search(self, request: Request) -> Response:
        begins = request.query_params.get("ref", "").strip()
        if len(begins) < MIN_SEARCH_LENGTH or not _is_id(begins):
            raise HTTPException(400, f"a reference or an id: {MIN_SEARCH_LENGTH} to {MAX_ID_LENGTH} characters of it")
        found = await self.executor.run(
            lambda: explanation.bookings_with_prefix(begins, MAX_MATCHES + 1, self.services)
        )
        if len(found) == 1:
            # A path of our own, whatever the id holds: never an address elsewhere.
            return RedirectResponse(f"/bookings/{quote(found[0], safe='')}", 303)
        page = self.pages.render("found.html", begins=begins, found=found[:MAX_MATCHES], more=len(found) > MAX_MATCHES)
        return HTMLResponse(page, 200 if found else 404)

    async def booking(self, request: Request) -> Response:
        explanation = await self._explain(request)
        return HTMLResponse(self.pages.render("booking.html", one=explanation))

    async def status(self, request: Request) -> Response:
        return JSONResponse((await self._explain(request)).status())

    async def scrape(self, request: Request) -> Response:
        try:
            reading = await self.executor.run(self._reading)
        except (DatabaseUnreachable, DatabaseDisagrees):
            reading = None
        return Response(metrics.exposition(reading), media_type=metrics.CONTENT_TYPE)

    async def healthz(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        known = await self.ready.readiness()
        said = {"ready": known.ready, "failing": known.failing, "unknown": known.unknown}
        return JSONResponse(said, 200 if known.ready else 503)

    async def css(self, request: Request) -> Response:
        return Response(_CSS.read_bytes(), media_type="text/css")

    def http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return self._error_page(request, error.status_code, error.detail, "", error.headers)

    def database_error(self, request: Request, error: Exception) -> Response:
        """The database is unreachable or its schema is wrong: say so, and show the last snapshot with its age."""
        assert isinstance(error, ReconcilerError)
        if request.scope["path"] == "/":
            return self._status_page(self.last, error)
        return self._error_page(request, 503, str(error), error.advice, RETRY_AFTER)

    def internal_error(self, request: Request, error: Exception) -> Response:
        """Says only that there was a bug: the log has the place."""
        said = f"a bug: {type(error).__name__}"
        return self._error_page(request, 500, said, "the log has the place; please report it", None)

    def _status_page(self, seen: DashboardSnapshot | None, error: ReconcilerError | None = None) -> Response:
        # The database's clock while it answers, so that a run that has just ended is not in the future.
        now = seen.at if seen and not error else self.services.clock.now()
        page = self.pages.render(
            "status.html",
            error=error,
            view=status_view(seen, self.settings.file, now, answers=error is None) if seen else None,
            chart=chart(seen.days) if seen else None,
            now=now,
            repairs=self.settings.file.repairs,
            scope=self.settings.runner().scope,
        )
        return HTMLResponse(page, 503 if error else 200, headers=RETRY_AFTER if error else None)

    def _error_page(
        self, request: Request, status: int, seen: str, remedy: str, headers: Mapping[str, str] | None
    ) -> Response:
        if request.scope["path"].startswith("/api/"):
            return JSONResponse({"error": seen, **({"remedy": remedy} if remedy else {})}, status, headers=headers)
        page = self.pages.render("refusal.html", status=status, seen=seen, remedy=remedy)
        return HTMLResponse(page, status, headers=headers)

    async def _explain(self, request: Request) -> BookingView:
        booking = request.path_params["booking"]
        if not _is_id(booking):
            raise _Missing
        explanation = await self.executor.run(lambda: self._explanation(booking))
        if explanation is None:
            raise _Missing
        return explanation

    def _explanation(self, written: str) -> BookingView | None:
        # The database's clock as it is now: a page runs for weeks.
        services = replace(self.services, clock=SystemClock(ahead=self.services.store.clock_skew()))
        # A text search: a word where ids are numbers matches nothing and is never cast to a number.
        begin = explanation.bookings_with_prefix(written, MAX_MATCHES, services)
        booking = next((one for one in begin if one.lower() == written.lower()), None)
        found = explanation.explain(booking, services) if booking else None
        if found is None:
            return None
        runs = last_runs(self.database, self.settings.file.running(), self.settings.runner().scope)
        return BookingView(found, self.settings.file, runs, services.clock.now())

    def _snapshot(self) -> DashboardSnapshot:
        file = self.settings.file
        return dashboard_snapshot(self.database, file.running(), self.settings.runner().scope, file.timezone)

    def _reading(self) -> metrics.Reading:
        counted = last_day(self.database, list(metrics.PROVIDERS), self.settings.runner().scope)
        return metrics.Reading(snapshot=self._snapshot(), last_day=counted, file=self.settings.file)

    def _check_ledger(self) -> None:
        with self.database.transaction(READ) as connection:
            require_ledger(connection)


def _is_id(written: str) -> bool:
    """Whether it could be an id or its beginning. PostgreSQL cannot store NUL, and ids contain no line breaks."""
    return 0 < len(written) <= MAX_ID_LENGTH and written.isprintable()
