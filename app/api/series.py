"""Series: what a service did over time, for charts."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.document import PROBLEMS
from app.api.resource import Resource, answer, the_panel
from app.api.shapes import NUMBER_MAXIMUM, Query, ServicePath, WholeNumber
from app.sampling import Columns, Window

api = Resource(
    "series",
    __name__,
    url_prefix="/api/v1/services",
    abp_tags=[Tag(name="Services", description="socketserver servers: definitions and lives")],
    abp_responses=PROBLEMS,
)

Counts = list[int | None]
Figures = list[float | None]


class SeriesQuery(Query):
    """How far back."""

    window: Window = Field("15m", description="up to now; of 24 hours there is a step a minute")
    after: Annotated[WholeNumber, Field(ge=0, le=NUMBER_MAXIMUM)] | None = Field(
        None, description="only the steps from this second since the epoch on"
    )


class SeriesTotals(BaseModel):
    """What was counted, as in the service's status, since the panel started."""

    connections: int
    bytes_in: int
    bytes_out: int
    messages_in: int
    messages_out: int
    errors: int


class SeriesView(BaseModel):
    """A value a step in each list; null where nobody knows, as nobody was there to count.

    Rates are means over the step. The last step of 24 hours is the minute that is not over yet.
    """

    step: int = Field(description="seconds from one value to the next")
    from_: int = Field(alias="from", description="when the first step begins; seconds since 1970")
    to: int = Field(description="when the last step ends, or now where it is not over")
    since: int | None = Field(description="when the service first ran; null: it never did")
    times: list[int] = Field(description="when each step begins, in seconds since the epoch")
    open: Counts = Field(description="the most connections open at the end of any of its seconds")
    connections: Figures = Field(description="opened per second")
    bytes_in: Figures = Field(description="per second")
    bytes_out: Figures = Field(description="per second")
    messages_in: Figures = Field(description="per second")
    messages_out: Figures = Field(description="per second")
    errors: Counts = Field(description="in the step")
    p50: Figures = Field(
        description="half of the requests that finished in the step took at most so many seconds, "
        "to within 1.6 %; null where none finished"
    )
    p95: Figures = Field(description="the same for 95 of 100")
    p99: Figures = Field(description="the same for 99 of 100")
    restarts: list[float] = Field(
        description="when the panel began to run again, in seconds since the epoch"
    )
    totals: SeriesTotals = Field(description="by the time `to`: what is above goes on from there")


@api.get("/<service>/series", responses={200: SeriesView})
def get_series(path: ServicePath, query: SeriesQuery) -> Response:
    """What a service did over the last minute, quarter of an hour or day.

    It is kept over restarts of the panel; one that was killed may have lost its last ten seconds.
    """
    panel = the_panel()
    panel.supervisor.get(path.service)
    return answer(series_view(panel.sampler.series(path.service, query.window, query.after)))


def series_view(columns: Columns) -> dict[str, object]:
    """Columns as the contract shows them, of JSON's types."""
    return {
        "step": columns.step,
        "from": columns.start,
        "to": columns.end,
        "since": None if columns.since is None else int(columns.since),
        "times": columns.times,
        **columns.by_name(),
        "restarts": columns.restarts,
        "totals": {name: getattr(columns.totals, name) for name in SeriesTotals.model_fields},
    }
