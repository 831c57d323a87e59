"""Making a key against `cryptography` alone; RSA's spread is luck, so its rounds are many and the sizes small."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from measure import interleaved, report

from qlik_keys.keys import KeySpec, generate


def main() -> None:
    variants = {
        "floor: cryptography": lambda: ec.generate_private_key(ec.SECP384R1()),
        "qlik_keys, with kid and thumbprint": lambda: generate(KeySpec("ES384")),
    }
    report("A P-384 key", interleaved(variants, 300))
    for bits, rounds in ((2048, 60), (4096, 15)):
        variants = {
            "floor: cryptography": lambda bits=bits: rsa.generate_private_key(public_exponent=65537, key_size=bits),
            "qlik_keys, with kid and thumbprint": lambda bits=bits: generate(KeySpec("RS256", bits=bits)),
        }
        report(f"An RSA-{bits} key (the spread is luck)", interleaved(variants, rounds))


if __name__ == "__main__":
    main()
