"""What is shown to others holds no secrets, and is not too long."""

import orjson

from renderapps.module.hidden import hiding, secrets_in, shortened, without_secrets


def test_secrets_are_hidden_wherever_they_stand():
    args = {
        "token": "abcd1234",
        "nested": [{"aws_secret": "efgh5678", "keyboard": "qwertz"}],
        "password": None,
    }
    assert without_secrets(args) == {
        "token": "***",
        "nested": [{"aws_secret": "***", "keyboard": "qwertz"}],
        "password": None,
    }
    hide = hiding(secrets_in(args))
    assert hide("sent abcd1234 and efgh5678 to qwertz") == "sent *** and *** to qwertz"


def test_passwords_in_addresses_are_hidden():
    hide = hiding(iter(()))
    assert hide("GET http://ann:pw%20@host:80/x") == "GET http://ann:***@host:80/x"
    assert hide("postgresql://ann:s3@db/x?password=s3&a=1") == (
        "postgresql://ann:***@db/x?password=***&a=1"
    )
    assert hide("http://host:8080/a@b") == "http://host:8080/a@b"


def test_short_words_are_no_secrets_that_can_be_looked_for():
    assert hiding(iter(["a", ""]))("a banana") == "a banana"


def test_long_values_are_shortened_and_become_json():
    hide = hiding(iter(()))
    value = {
        "zs": list(range(1000)),
        "text": "x" * 9999,
        "nan": float("nan"),
        "big": 2**70,
        "set": {2, 1},
        "name": "caf\udce9",
        3: None,
    }
    found = shortened(value, hide)
    assert found["zs"][:2] == [0, 1] and found["zs"][-1] == "... and 950 more"
    assert len(found["zs"]) == 51 and len(found["text"]) == 500
    assert (found["nan"], found["big"], found["set"]) == ("nan", str(2**70), [1, 2])
    assert (found["name"], found["3"]) == ("caf?", None)
    assert len(orjson.dumps(found)) < 2000
    deep = []
    for _ in range(50):
        deep = [deep]
    assert len(str(shortened(deep, hide))) < 200
