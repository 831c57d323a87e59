"""The doctor: why does a login of this client fail? Every cause that can be looked up has a check and a finding.

`doctor` looks at the tenant, the store and the clock (`collect`), judges what was seen by pure checks (`checks.tenant`,
`checks.client`, `checks.store`), and at last logs in as the client (`login`), which finds what cannot be looked up. The
checks do not wait for each other, so that two faults at once are both named; and one fault is told once: what cannot
be known because of it says where to look.

`fix` does the one safe thing that a finding names; it removes nothing. Not done here: showing it (`cli`,
`jupyter.panel`).
"""

from qlik_keys.diagnosis.examine import doctor
from qlik_keys.diagnosis.fixes import fix
from qlik_keys.diagnosis.results import Check, Diagnosis, Verdict

__all__ = ["Check", "Diagnosis", "Verdict", "doctor", "fix"]
