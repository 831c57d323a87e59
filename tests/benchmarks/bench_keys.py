"""Making a key against `cryptography` alone; RSA's spread is luck, so its rounds are many and the sizes small."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from measure import compared, interleaved, main

from qlik_keys.keys import KeySpec, generate


def against(bare, spec):
    return {"cryptography": bare, "qlik_keys, with kid and thumbprint": lambda: generate(spec)}


def rows(quick):
    variants = against(lambda: ec.generate_private_key(ec.SECP384R1()), KeySpec("ES384"))
    yield compared("a P-384 key made", interleaved(variants, 50 if quick else 300))
    for bits, rounds in ((2048, 5 if quick else 60), (4096, 1 if quick else 15)):
        bare = lambda bits=bits: rsa.generate_private_key(public_exponent=65537, key_size=bits)  # noqa: E731
        variants = against(bare, KeySpec("RS256", bits=bits))
        yield compared(f"an RSA-{bits} key made (the spread is luck)", interleaved(variants, rounds))


if __name__ == "__main__":
    main(rows)
