"""Keys of people: Ed25519, kept encrypted by a passphrase; signing and checking."""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.atomic import write_text

_MEMORY_KIB, _PASSES, _LANES = 65_536, 3, 4


def new_key(path: Path, passphrase: str) -> str:
    """Make a key pair, write it encrypted, and return the public key in hexadecimal.

    Raises
    ------
    DataError
        The passphrase is too short, or the file is there already.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if len(passphrase) < 8:
        raise DataError(
            "a passphrase has at least 8 characters",
            found=f"{len(passphrase)}",
            code=codes.SIGN_PASSPHRASE,
        )
    if path.exists():
        raise DataError("a key of this name is there already", found=path.name, code=codes.SIGN_KEY)
    private = Ed25519PrivateKey.generate()
    salt, nonce = os.urandom(16), os.urandom(12)
    secret = _cipher(passphrase, salt, _MEMORY_KIB).encrypt(
        nonce, private.private_bytes_raw(), b"imscope-key-1"
    )
    public = private.public_key().public_bytes_raw().hex()
    content: dict[str, Any] = {"v": 1, "algorithm": "Ed25519", "kdf": "argon2id", "public": public}
    content["memory_kib"] = _MEMORY_KIB
    content |= {
        k: b64encode(v).decode() for k, v in (("salt", salt), ("nonce", nonce), ("secret", secret))
    }
    write_text(path, json.dumps(content, indent=1) + "\n")
    path.chmod(0o600)
    return public


def public_of(path: Path) -> str:
    """Public key of a key file.

    Raises
    ------
    DataError
        ``E-SIGN-KEY``: no such file, or not a key file.
    """
    return str(_read(path)["public"])


def sign(path: Path, passphrase: str, content: bytes) -> str:
    """Sign bytes with a key file; returns the signature in hexadecimal.

    Raises
    ------
    DataError
        ``E-SIGN-PASSPHRASE`` when the passphrase does not open the key.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = _read(path)
    salt, nonce, secret = (b64decode(key[k]) for k in ("salt", "nonce", "secret"))
    try:
        raw = _cipher(passphrase, salt, int(key["memory_kib"])).decrypt(
            nonce, secret, b"imscope-key-1"
        )
    except InvalidTag as error:
        raise DataError(
            "the passphrase does not open this key",
            found=path.stem,
            fix="type it again; five failures lock the account for 15 minutes",
            code=codes.SIGN_PASSPHRASE,
        ) from error
    return Ed25519PrivateKey.from_private_bytes(raw).sign(content).hex()


def signature_fits(public: str, content: bytes, signature: str) -> bool:
    """Whether a signature was made over exactly these bytes by the holder of the key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _cipher(passphrase: str, salt: bytes, memory: int) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(salt=salt, length=32, iterations=_PASSES, lanes=_LANES, memory_cost=memory)
    return ChaCha20Poly1305(kdf.derive(passphrase.encode()))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            "there is no key of this person here", found=path.stem, code=codes.SIGN_KEY
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            "the key file cannot be read", found=str(error), code=codes.SIGN_KEY
        ) from error
    if not isinstance(content, dict) or not {
        "public",
        "salt",
        "nonce",
        "secret",
        "memory_kib",
    } <= set(content):
        raise DataError("the file is not a key", found=path.name, code=codes.SIGN_KEY)
    return content
