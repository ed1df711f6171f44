"""Baselines: what a site would have drawn without the event, one method a file.

Reads and writes nothing: arrays in, a `Baseline` out. A method enters itself into `METHODS` under the IRI of its concept; a contract
names that IRI. A new method is an individual in `ontology/` and a file here, and inherits the tests of its kind. A history too short is
a `Finding` and no number. It must not know events, contracts or money.
"""

from settlement.baselines import high_five_of_ten, ten_of_ten, weather_regression
from settlement.baselines.method import METHODS, Baseline, History, Method, Today

__all__ = ["METHODS", "Baseline", "History", "Method", "Today", "high_five_of_ten", "ten_of_ten", "weather_regression"]
