"""Making clients where no client secret may come out: on the worker of a cluster, whose results travel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import ManualActionRequired
from qlik_keys.lifecycle.provisioning.plan import Step
from qlik_keys.lifecycle.provisioning.run import Provisioning

if TYPE_CHECKING:
    from qlik_keys.lifecycle.provisioning.plan import Conflict, Done


class WithoutNewSecrets(Provisioning):
    """A run that refuses to go on with a client that is to have a client secret; nothing of it is changed."""

    def _plan(self) -> Step | Done | Conflict:
        step = super()._plan()
        if isinstance(step, Step) and self._specification.client_secret:
            raise ManualActionRequired(
                f"{self._client_name!r} is to have a client secret, which would travel from the worker of a cluster.",
                hint="Finish it without the cluster: run the same command without --dask.",
            )
        return step
