"""What services did over time: a sample a second for 15 minutes, one a minute for a day.

`Sampler` takes samples from the services' tallies and keeps them in the store; `series_of` lays the
kept ones out as the columns of a chart. A sample is taken only of a service in which something
changed: a second without one is a second in which nothing happened, as long as the panel ran.
"""

from app.sampling.columns import Columns, Window
from app.sampling.sampler import Sampler

__all__ = ["Columns", "Sampler", "Window"]
