"""What the options of all built-in handlers share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class HandlerOptions(BaseModel):
    """A handler's options: nothing unknown is taken and nothing silently converted.

    A handler names its model as `Options` and reads what was validated from `self.options`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
