"""One operation on many clients of many tenants: which they are, the plan for all, and the run.

Every change is made by the operations that a single client has (`lifecycle`); there is no second engine. What is left
to do is told by tenant and store alone, so a run that was killed is asked for again: no client is done twice, and none
is forgotten (docs/decisions/0047).
"""
