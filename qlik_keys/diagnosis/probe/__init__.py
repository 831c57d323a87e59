"""The probe: what a tenant does where Qlik's public documents leave it open, measured by a throw-away client.

`assumptions` has what is measured and what the product does about each answer, `throwaway` the client and its end,
`measurements` one function for each assumption, `run` their order, `results` the report.
"""

from qlik_keys.diagnosis.probe.results import Observation, ProbeReport
from qlik_keys.diagnosis.probe.run import probe

__all__ = ["Observation", "ProbeReport", "probe"]
