"""Keeps the keys of Qlik Cloud clients in order, every night. A DAG for Airflow 3.

The workers' environment has tenant and Vault (QLIK_TENANT_URL, QLIK_KEYS_LOGIN_CLIENT, VAULT_ADDR,
QLIK_KEYS_VAULT_AUTH and what it needs). Neither this file nor Airflow's database has a secret: XCom gets ids and
counts. What may fail for a passing reason is tried again; no client is rotated twice by that.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import chain, dag, task
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Iterator

    import qlik_keys as qk

SEVERE = ("critical", "high")


@contextmanager
def connections() -> Iterator[tuple[qk.QlikTenant, qk.VaultKeyStore]]:
    """Yield tenant and key store, as the worker's environment says."""
    import qlik_keys as qk  # noqa: PLC0415  # in the worker, not each time that Airflow reads this file

    settings = qk.Settings.resolve()
    with settings.tenant() as tenant, settings.store() as store:
        yield tenant, store


@task
def resume() -> list[str]:
    """Finish what an earlier run left."""
    import qlik_keys as qk  # noqa: PLC0415  # as above

    with connections() as (tenant, store):
        return [done.client_id for done in qk.resume(tenant, store)]


# A client that fails must not stop the others: each of these runs, whatever became of the tasks before it.
@task(trigger_rule="all_done")
def rotate_due() -> list[str]:
    """Rotate the keys that should be replaced by now."""
    import qlik_keys as qk  # noqa: PLC0415  # as above

    with connections() as (tenant, store):
        return [done.client_id for done in qk.rotate_due(tenant, store) if done.outcome in ("rotated", "finished")]


@task(trigger_rule="all_done")
def retire_due() -> list[str]:
    """Remove the old keys whose overlap is over."""
    import qlik_keys as qk  # noqa: PLC0415  # as above

    with connections() as (tenant, store):
        return [done.client_id for done in qk.retire_due(tenant, store)]


@task(trigger_rule="all_done")
def audit() -> dict[str, int]:
    """Count the findings, and fail if a person should look at one."""
    import qlik_keys as qk  # noqa: PLC0415  # as above

    with connections() as (tenant, store):
        findings = qk.audit(tenant, store)
    severe = findings[findings["severity"].isin(SEVERE)]
    if len(severe):
        print(severe[["severity", "code", "finding", "client_id", "command"]].to_string(index=False))  # noqa: T201
        raise AirflowFailException(f"{len(severe)} findings are {' or '.join(SEVERE)}.")
    return {str(severity): int(count) for severity, count in findings["severity"].value_counts().items()}


@task(trigger_rule="one_failed", retries=0)
def report_failure() -> None:
    """Fail the run: without this it would count as a success if the last step was one."""
    raise AirflowFailException("A step failed: see its log.")


@dag(
    schedule="17 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["qlik", "security"],
)
def rotate_qlik_keys() -> None:
    """Say the order."""
    steps = [resume(), rotate_due(), retire_due(), audit()]
    chain(*steps)
    steps >> report_failure()


rotate_qlik_keys()
