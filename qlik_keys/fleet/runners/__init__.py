"""Who does the work for each tenant of a fleet: threads of this process, or the workers of a Dask cluster.

A tenant is one unit of work for one worker at a time, since a tenant's rate limit is one budget.
"""
