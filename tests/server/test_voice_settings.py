"""Voice notes' settings, as the environment says them."""

import json
from pathlib import Path

import pytest

from dispatch import say
from dispatch.voice.terms import DAY_MS, VoiceTerms
from server import voice_settings
from server.voice_settings import VoiceFault

TEMPLATES = json.loads(Path(say.__file__).with_name("say.json").read_bytes())


def test_without_a_word_audio_stays_in_the_data_directory(tmp_path: Path) -> None:
    terms = voice_settings.terms({}, tmp_path)
    assert terms == VoiceTerms(spool_dir=tmp_path / "voice-spool")
    assert terms.storage == (tmp_path / "voice").as_uri()
    assert (terms.most_bytes, terms.most_seconds, terms.retention_ms) == (2097152, 120, 30 * DAY_MS)
    assert list(tmp_path.iterdir()) == [], "nothing is made before it is needed"


def test_each_can_be_set(tmp_path: Path) -> None:
    env = {
        "DISPATCH_VOICE_STORAGE": "file:///srv/voice",
        "DISPATCH_VOICE_MAX_BYTES": "1000",
        "DISPATCH_VOICE_MAX_SECONDS": "20",
        "DISPATCH_VOICE_RETENTION_DAYS": "7",
        "DISPATCH_PUBLIC_URL": "https://dispatch.example.com/api/",
    }
    assert voice_settings.terms(env, tmp_path) == VoiceTerms(
        storage_url="file:///srv/voice",
        most_bytes=1000,
        most_seconds=20,
        retention_ms=7 * DAY_MS,
        spool_dir=tmp_path / "voice-spool",
        base_url="https://dispatch.example.com/api",
    )


def test_a_bucket(tmp_path: Path) -> None:
    url = "s3://bucket/prefix"
    assert voice_settings.terms({"DISPATCH_VOICE_STORAGE": url}, tmp_path).storage == url


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"DISPATCH_VOICE_STORAGE": "/srv/voice"}, "DISPATCH_VOICE_STORAGE must be"),
        ({"DISPATCH_VOICE_STORAGE": "ftp://host/x"}, "DISPATCH_VOICE_STORAGE must be"),
        ({"DISPATCH_VOICE_STORAGE": "file://host/x"}, "DISPATCH_VOICE_STORAGE must be"),
        ({"DISPATCH_VOICE_MAX_BYTES": "2 MiB"}, "DISPATCH_VOICE_MAX_BYTES must be a number from 1 to"),
        ({"DISPATCH_VOICE_MAX_BYTES": "0"}, "DISPATCH_VOICE_MAX_BYTES"),
        ({"DISPATCH_VOICE_MAX_BYTES": "999999999"}, "DISPATCH_VOICE_MAX_BYTES"),
        ({"DISPATCH_VOICE_MAX_SECONDS": "-1"}, "DISPATCH_VOICE_MAX_SECONDS"),
        ({"DISPATCH_VOICE_RETENTION_DAYS": "0"}, "DISPATCH_VOICE_RETENTION_DAYS"),
        ({"DISPATCH_VOICE_RETENTION_DAYS": "1.5"}, "DISPATCH_VOICE_RETENTION_DAYS"),
        ({"DISPATCH_PUBLIC_URL": "dispatch.example.com"}, "DISPATCH_PUBLIC_URL must be a URL"),
        ({"DISPATCH_PUBLIC_URL": "https://u:p@dispatch.example.com"}, "DISPATCH_PUBLIC_URL"),
        ({"DISPATCH_PUBLIC_URL": "https://dispatch.example.com/?a=b"}, "DISPATCH_PUBLIC_URL"),
        ({"DISPATCH_PUBLIC_URL": "https://dispatch.example.com:99999"}, "DISPATCH_PUBLIC_URL"),
        ({"DISPATCH_PUBLIC_URL": "ws://dispatch.example.com"}, "DISPATCH_PUBLIC_URL"),
        ({"DISPATCH_PUBLIC_URL": "https://dispatch.example.com;script-src"}, "DISPATCH_PUBLIC_URL"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(tmp_path: Path, env: dict[str, str], named: str) -> None:
    with pytest.raises(VoiceFault, match=named) as fault:
        voice_settings.terms(env, tmp_path)
    assert "\n" not in str(fault.value)


def test_templates_of_a_deployment(tmp_path: Path) -> None:
    assert voice_settings.sayings({}) is say.DEFAULT
    own = {language: speech | {"sentence": ["Hello {kind}"]} for language, speech in TEMPLATES.items()}
    file = tmp_path / "say.json"
    file.write_text(json.dumps(own))
    said = voice_settings.sayings({"DISPATCH_SAY": str(file)}).offer("unheard", None, None, 0)
    assert said["en"] == "Hello unheard"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"en": {}}', json.dumps(TEMPLATES).replace("{kind}", "{phone}")])
def test_wrong_templates_are_one_line_that_names_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "say.json"
    file.write_text(text)
    with pytest.raises(VoiceFault, match=f"DISPATCH_SAY: {file}: .") as fault:
        voice_settings.sayings({"DISPATCH_SAY": str(file)})
    assert "\n" not in str(fault.value)


def test_templates_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(VoiceFault, match="No such file"):
        voice_settings.sayings({"DISPATCH_SAY": str(tmp_path / "none.json")})
