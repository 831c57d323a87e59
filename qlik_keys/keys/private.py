"""The private half: an opaque key, its signer, and where keys come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from qlik_keys.core.arguments import DAY, TEXT, Kind, optional, require
from qlik_keys.core.secret import wrong_type
from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import formats, material
from qlik_keys.keys.public import KID, PublicJwk, check_kid, make_kid
from qlik_keys.keys.spec import ALGORITHMS, WANTED, Algorithm, KeySpec

_SPEC = Kind((KeySpec,), 'a KeySpec, for example KeySpec("RS256")')


class PrivateKey:
    """A private key that does not show itself.

    It has a fixed repr, no pickle, no JSON, no mapping; `reveal()` is the one way out. Make one with `generate`,
    `PrivateKey.from_pem`, `PrivateKey.from_jwk`.

    Attributes:
        kid: key id, `<UTC date>_<thumbprint>` unless the key was loaded under another name.
        alg: JWS algorithm.
        public: the public half.
    """

    __slots__ = ("__loaded", "alg", "kid", "public")

    kid: str
    alg: Algorithm
    public: PublicJwk

    def __init__(self, loaded: material.LoadedKey, *, alg: Algorithm, kid: str) -> None:
        self.__loaded = loaded
        self.kid = kid
        self.alg = alg
        self.public = PublicJwk.of(loaded.members, alg=alg, kid=kid)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        passphrase: str | bytes | None = None,
        alg: Algorithm | None = None,
        kid: str | None = None,
        made_on: date | None = None,
    ) -> PrivateKey:
        r"""Load a private key from PEM: PKCS#8, PKCS#1 or SEC1, encrypted or not.

        What has one reading is taken too: PEM with its line ends written out as `\n` or on one line, in UTF-16, with
        text or a certificate around it; DER; base64 of these; a JWK. Other formats are named, with the command that
        converts them.

        The load validates the key, which costs 40 ms for RSA-2048 and 290 ms for RSA-4096, and happens once per
        process for a given PEM.

        Args:
            pem: the PEM text, or a file's bytes.
            passphrase: for an encrypted key.
            alg: "RS256" (the default for RSA) or "RS512"; "ES384" for P-384.
            kid: the key's name; without it, one is made of `made_on` and the thumbprint.
            made_on: UTC date for a new kid, today by default.

        Raises:
            KeyMaterialError: no private key, the wrong passphrase, or a key that no tenant accepts.
            TypeError: the key or the passphrase is neither text nor bytes; it is not quoted.
        """
        wrong = _wrong_input(pem, str | bytes | bytearray | memoryview, "PEM", "text or bytes")
        wrong = wrong or _wrong_input(passphrase, str | bytes | None, "passphrase", "text or bytes")
        if wrong is not None:
            del pem, passphrase
            raise wrong
        secret = passphrase.encode() if isinstance(passphrase, str) else passphrase
        loaded, problem, hint, names = material.load(pem if isinstance(pem, str) else bytes(pem), secret)
        # IPython's %xmode Verbose prints the arguments of every frame of a traceback.
        del secret, pem, passphrase
        if loaded is None:
            raise KeyMaterialError(problem, hint=hint)
        return cls._of_document(loaded, names, alg=alg, kid=kid, made_on=made_on)

    @classmethod
    def from_jwk(
        cls,
        document: Mapping[str, Any] | str,
        *,
        alg: Algorithm | None = None,
        kid: str | None = None,
        made_on: date | None = None,
    ) -> PrivateKey:
        """Load a private key from a JWK, given as a mapping or as JSON text; `n`, `e` and `d` are enough of RSA.

        Args:
            document: the JWK, or a set with one.
            alg: overrides the JWK's own `alg`, which is used when it has one.
            kid: the key's name; without it the JWK's own `kid` is kept if it is one that qlik_keys manages, else a new
                one is made.
            made_on: UTC date for a new kid, today by default.

        Raises:
            KeyMaterialError: not a private JWK, or a key that no tenant accepts.
            TypeError: it is neither a mapping nor text; it is not quoted.
        """
        wrong = _wrong_input(document, str | Mapping, "JWK", "a mapping or text")
        if wrong is not None:
            del document
            raise wrong
        # A text that this process wrote or read need not be parsed again where its names are not asked for.
        is_named = alg is not None and kid is not None
        loaded = (
            material.remembered(document.encode(errors="surrogatepass"))
            if is_named and isinstance(document, str)
            else None
        )
        problem, hint = "", ""
        names: dict[str, Any] = {}
        if loaded is None and isinstance(document, str):
            loaded, problem, hint, names = material.load(document, None)
            if loaded is not None:
                material.remember(loaded, document.encode(errors="surrogatepass"))
        elif loaded is None:
            handed = formats.jwk_of(document)
            problem, hint = handed.problem, handed.hint
            if not problem:
                loaded, problem, hint, names = material.load_jwk(handed.members)
            del handed
        del document
        if loaded is None:
            raise KeyMaterialError(problem, hint=hint)
        return cls._of_document(loaded, names, alg=alg, kid=kid, made_on=made_on)

    @classmethod
    def _of_document(
        cls,
        loaded: material.LoadedKey,
        names: Mapping[str, Any],
        *,
        alg: Algorithm | None,
        kid: str | None,
        made_on: date | None,
    ) -> PrivateKey:
        """Return the key under the `alg` and `kid` that its JWK has, where none are given."""
        optional(TEXT, alg=alg, kid=kid)
        optional(DAY, made_on=made_on)
        own_alg, own_kid = names.get("alg"), names.get("kid")
        if alg is None and own_alg is not None:
            if own_alg not in ALGORITHMS:
                raise KeyMaterialError("The JWK's `alg` is not one that a tenant accepts.", hint=WANTED)
            alg = own_alg
        if kid is None and isinstance(own_kid, str) and KID.fullmatch(own_kid):
            kid = own_kid
        return cls._named(loaded, alg=alg, kid=kid, made_on=made_on)

    @classmethod
    def _named(
        cls, loaded: material.LoadedKey, *, alg: Algorithm | None, kid: str | None, made_on: date | None
    ) -> PrivateKey:
        """Return the key; `alg` and `kid` are chosen where none are given. `PublicJwk.of` refuses a wrong `alg`."""
        if alg is None:
            alg = "ES384" if loaded.members["kty"] == "EC" else "RS256"
        if kid is None:
            kid = make_kid(loaded.thumbprint, made_on=made_on or datetime.now(tz=UTC).date())
        else:
            check_kid(kid, loaded.thumbprint)
        return cls(loaded, alg=alg, kid=kid)

    def signer(self) -> LocalSigner:
        """Return a signer over this key; it holds the loaded key, so that signing never loads it again."""
        return LocalSigner(self.__loaded.native, kid=self.kid, alg=self.alg)

    def reveal(self, form: Literal["pem", "jwk"] = "pem") -> str:
        """Return the private key in the clear: PKCS#8 PEM, or the private JWK as JSON text.

        The one way out. Anyone who calls it answers for where the text goes.
        """
        require(TEXT, form=form)
        if form == "pem":
            return material.private_pem(self.__loaded)
        if form != "jwk":
            raise ValueError(f"form must be 'pem' or 'jwk', not {form!r}")
        return material.private_jwk(self.__loaded, kid=self.kid, alg=self.alg)

    def __repr__(self) -> str:
        return f"<PrivateKey kid={self.kid} alg={self.alg}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a PrivateKey cannot be pickled or copied; keep it in the key store, or use reveal()")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrivateKey) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)


class LocalSigner:
    """Signs with a key that this process holds (RFC 7518 3.3, 3.4).

    Attributes:
        kid: key id.
        alg: JWS algorithm.
    """

    __slots__ = ("__native", "__sign", "alg", "kid")

    def __init__(self, native: Any, *, kid: str, alg: Algorithm) -> None:
        self.kid = kid
        self.alg = alg
        self.__native = native
        if alg == "ES384":
            self.__sign = self._ecdsa(native)
        else:
            digest = hashes.SHA256() if alg == "RS256" else hashes.SHA512()
            scheme = padding.PKCS1v15()
            self.__sign = lambda data: native.sign(data, scheme, digest)

    @staticmethod
    def _ecdsa(native: Any) -> Any:
        scheme = ec.ECDSA(hashes.SHA384())

        def sign(data: bytes) -> bytes:
            r, s = decode_dss_signature(native.sign(data, scheme))
            return r.to_bytes(48, "big") + s.to_bytes(48, "big")

        return sign

    def sign(self, data: bytes) -> bytes:
        """Return the JWS signature of the bytes: PKCS#1 v1.5, or r and s side by side."""
        return bytes(self.__sign(data))

    def __repr__(self) -> str:
        return f"<LocalSigner kid={self.kid} alg={self.alg}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a signer holds a private key: it cannot be pickled or copied")


def wrong_key(key: object) -> TypeError | None:
    """Return the error for what an operation cannot take as its key, for example a PEM text; it is not quoted.

    A verbose traceback prints the arguments of every frame, so it is raised when the value is gone.
    """
    wanted = "KeySpec(...), or PrivateKey.from_pem(...) for an existing key"
    return _wrong_input(key, KeySpec | PrivateKey | None, "key", wanted)


def _wrong_input(value: object, accepted: Any, what: str, wanted: str) -> TypeError | None:
    return None if isinstance(value, accepted) else wrong_type(type(value), what=what, wanted=wanted)


def generate(spec: KeySpec | None = None, *, made_on: date | None = None) -> PrivateKey:
    """Make a new key pair.

    RSA-4096 takes 0.1 to 2.5 s, by luck; other threads run in the meantime (the GIL is released).

    Args:
        spec: the kind of key, ES384 by default.
        made_on: UTC date for the kid, today by default.

    Returns:
        The private key, which has its public key.

    Raises:
        TypeError: an argument is of another type.

    Example:
        >>> generate(KeySpec("ES384")).alg
        'ES384'
    """
    optional(_SPEC, spec=spec)
    optional(DAY, made_on=made_on)
    spec = spec or KeySpec()
    loaded = material.generate(kty="EC" if spec.alg == "ES384" else "RSA", bits=spec.bits)
    kid = make_kid(loaded.thumbprint, made_on=made_on or datetime.now(tz=UTC).date())
    return PrivateKey(loaded, alg=spec.alg, kid=kid)
