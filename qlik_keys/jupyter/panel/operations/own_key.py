"""A key from the user's own file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError
from qlik_keys.keys import PrivateKey

if TYPE_CHECKING:
    from qlik_keys.core.secret import Secret


def load_own_key(content: Secret | None, passphrase: Secret | None) -> PrivateKey:
    """Return the private key of a file: PEM, encrypted or not, or a JWK.

    Args:
        content: the file's text.
        passphrase: of an encrypted PEM, None for none.

    Raises:
        ConfigurationError: there is no file.
        KeyMaterialError: the file has no private key, or none that a tenant accepts.
    """
    if content is None:
        raise ConfigurationError("No key file was chosen.", hint="Choose a PEM or a JWK file.")
    # Nothing of it becomes a local variable: a verbose traceback prints those.
    return PrivateKey.from_pem(content.reveal(), passphrase=None if passphrase is None else passphrase.reveal())
