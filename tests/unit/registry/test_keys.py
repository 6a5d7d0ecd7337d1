import pytest

from imscope.core.errors import DataError
from imscope.registry import keys


def test_a_key_signs_and_only_its_own_content_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "_MEMORY_KIB", 65_536)
    path = tmp_path / "ada.json"
    public = keys.new_key(path, "correct horse")
    assert path.stat().st_mode & 0o777 == 0o600
    assert public == keys.public_of(path)
    value = keys.sign(path, "correct horse", b"abc")
    assert keys.signature_fits(public, b"abc", value)
    assert not keys.signature_fits(public, b"abd", value)
    assert not keys.signature_fits("00" * 32, b"abc", value)
    assert not keys.signature_fits(public, b"abc", "no hex")
    with pytest.raises(DataError, match="passphrase"):
        keys.sign(path, "correct hose", b"abc")


def test_bad_keys_are_refused(tmp_path):
    with pytest.raises(DataError, match="8 characters"):
        keys.new_key(tmp_path / "k.json", "short")
    with pytest.raises(DataError, match="no key"):
        keys.public_of(tmp_path / "none.json")
    (tmp_path / "k.json").write_text("[]")
    with pytest.raises(DataError, match="not a key"):
        keys.public_of(tmp_path / "k.json")
