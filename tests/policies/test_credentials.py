"""Credentials in values, by format, name and place, and the values that only look like them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from policies_tracing import run

import policies
from policies import credentials
from policies.config import config_of
from program.graph import Resource

SECRET = "hunter2hunter2"
BASIC = base64.b64encode(f"admin:{SECRET}".encode()).decode()


def variable(name: str, value: str = SECRET) -> dict[str, Any]:
    return {"env": [{"name": name, "value": value}]}


def file(name: str, content: str) -> dict[str, Any]:
    return {"data": {name: content}}


HASHES = (
    "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC",
    "$apr1$hNqDo8Ui$lKpRrVZGVJtP8AEYOVQ1e/",
    "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "{SSHA}xPWzeJBpoXVbQQCtKFGsWi8vDjZmZzEyMzQ1Ng==",
    "$6$rounds=5000$usesomesillystri$KqJWpanXZHKq2BOB43TSaYhEWsQ1Lr5QNyPCDH/Tp.6",
)
"""Hashes of passwords, in the formats of Apache, bcrypt, LDAP and crypt."""

FOUND: dict[str, Any] = {
    **{
        name: variable(name)
        for name in ("REDIS_AUTH", "DB_PW", "PGPASS", "SECRET_KEY_BASE", "PASSWORD_PROD", "APP_SECRET_VALUE", "JWT_SIGNING_KEY")
    },
    "ENCRYPTION_KEY_BASE64": variable("ENCRYPTION_KEY_BASE64"),
    "digits": variable("DB_PASSWORD", "8472910385"),
    "begins as a path": variable("DB_PASSWORD", "/x9Kq2mZ"),
    "begins as a relative path": variable("DB_PASSWORD", "./qwe123"),
    "begins as a variable": variable("DB_PASSWORD", "$(x)real"),
    "redis.conf": file("redis.conf", f"port 6379\nrequirepass {SECRET}\n"),
    "requirepass as an argument": {"args": ["redis-server", "--requirepass", SECRET]},
    "redis-cli": {"command": ["redis-cli", "-a", SECRET, "ping"]},
    "mysql": {"command": ["mysql", "-uroot", f"-p{SECRET}"]},
    "an option and its value": {"args": ["--password", SECRET]},
    "an option at the end of the command": {"command": ["serve", "--password"], "args": [SECRET]},
    "an option after its command": {"command": ["redis-cli"], "args": ["-a", SECRET]},
    "an option after the entrypoint": {"entrypoints": ["mysql"], "command": ["-uroot", f"-p{SECRET}"]},
    "an option beside numbers": {"args": ["--port", "6379", "--db-password", SECRET, "--verbose"]},
    "an option in a shell's text": {"args": ["sh", "-c", f"exec serve --port 80 --admin-password {SECRET}"]},
    "an option in a script": file("run.sh", f"#!/bin/sh\nexec serve --token '{SECRET}'\n"),
    "an ACL of Redis": file("users.acl", f"user default on >{SECRET} ~* +@all"),
    **{f"htpasswd with {hashed[:6]}": file("users", f"admin:{hashed}\n") for hashed in HASHES},
    "a hash of a web configuration": file("web.yml", f"basic_auth_users:\n  admin: {HASHES[0]}\n"),
    "a hash in a compose file": {"labels": {"traefik.users": f"admin:{HASHES[1].replace('$', '$$')}"}},
    "curl": {"args": ["sh", "-c", f"curl -u admin:{SECRET} http://x"]},
    "a header in an argument": {"args": ["curl", "-H", f"Authorization: Bearer {SECRET}"]},
    "a header of a probe": {"httpHeaders": [{"name": "Authorization", "value": f"Basic {BASIC}"}]},
    "netrc": file(".netrc", f"machine x login y password {SECRET}"),
    "pgpass": file(".pgpass", f"db:5432:app:user:{SECRET}"),
    "docker's configuration": file("config.json", f'{{"auths":{{"ghcr.io":{{"auth":"{BASIC}"}}}}}}'),
    "nats": file("nats.conf", f"authorization {{ user: a, pass: {SECRET} }}"),
    "XML": file("a.xml", f"<db><password>{SECRET}</password></db>"),
    "a query": file("url", f"https://x.example.com/?token={SECRET}&a=1"),
    "a signed URL": file("url", "https://x.example.com/?se=1&sig=abcdefabcdef12345"),
    "a URL with a password that contains $": file("url", "postgres://u:pa$$word1@h/db"),
    "a label of Docker": {"labels": [{"label": "api-token", "value": SECRET}]},
    "a list": {"passwords": [SECRET]},
    "base64": file("x", base64.b64encode(f"password: {SECRET}".encode()).decode()),
}

HARMLESS: dict[str, Any] = {
    "ExternalSecret": {"data": [{"secretKey": "password", "remoteRef": {"key": "prod/db", "property": "password"}}]},
    "helm": {"auth": {"existingSecretPasswordKey": "redis-password", "secretKeys": {"adminPasswordKey": "pw"}}},
    **{
        f"{name}={value}": variable(name, value)
        for name, value in (
            ("MAX_TOKENS", "4k"), ("REQUIRE_TOKEN", "yes"), ("ENABLE_PASSWORD", "on"), ("TOKEN_URL", "https://x/t"),
            ("CSRF_TOKEN_HEADER", "X-CSRF"), ("COOKIE_SECRET_ROTATION", "1d"), ("SECRET_NAME", "shop"), ("REDIS_AUTH", "basic"),
            ("DB_PASSWORD_SECRET", "arn:aws:secretsmanager:us-east-1:1:secret"), ("DB_PASSWORD", "vault:secret/data/db#password"),
            ("DB_PASSWORD", "op://vault/item/field"), ("DB_PASSWORD", "{{resolve:secretsmanager:db}}"), ("DB_PASSWORD", "$(OTHER)"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/var/run/c.json"), ("TOKEN", "/run/secrets/token"), ("TOKEN", "<token>"),
            ("DB_PASSWORD", "${OTHER}"), ("DB_PASSWORD", "$1"), ("DB_PASSWORD", "%s"), ("DB_PASSWORD", "{password}"),
        )
    },
    "nginx": file("nginx.conf", "proxy_set_header Authorization $http_authorization;\nssl_certificate_key /etc/tls/tls.key;\n"),
    "prometheus.yml": file("p.yml", "- bearer_token_file: /run/token\n  basic_auth:\n    password_file: /run/pw\n"),
    "an alert": {"expr": 'rate(errors_total{token="refresh"}[5m]) > 0', "annotations": {"summary": "token: expired"}},
    "texts": file("en.json", '{"login.password":"Password","login.token":"Token","forgot_password":"Forgot?"}'),
    "a script": file(
        "x.sh", 'if [ -z "$TOKEN" ]; then echo \'token: missing\'; fi\nPASSWORD=`cat /run/pw`\npassword="$1"\ntoken=${2:?}\n'
        "export SECRET=$(aws secretsmanager get)\n"
    ),
    **{f"a URL with {each}": file("url", f"redis://u:{each}@redis:6379/0") for each in ("${PW}", "$(PW)", "%s", "<pw>", "{pw}")},
    "a header with a variable": {"args": ["curl", "-H", "Authorization: Bearer $(TOKEN)"]},
    "an option for a file": {"command": ["serve", "--password-file"], "args": ["/run/secrets/pw1", "--tls-key", "/etc/tls.key"]},
    "an option with a variable": {"command": ["sh", "-c"], "args": ["serve --password $PW1 --token ${TOKEN2} --user-id 12"]},
    "an option in a sentence": file("help.txt", "serve --password sets it; serve --token prints one"),
    "text with dollars": file("x.sh", "awk '{print $1$2}' a; test $6$x = {SHA} # {SHA256}\n"),
    "an ACL without passwords": file("users.acl", "user default on nopass ~* +@all -> x\n"),
    "redis-cli with a variable": {"command": ["redis-cli", "-a", "$(REDIS_PASSWORD)", "ping"]},
}  # fmt: skip


CREDENTIALS = (
    *(SECRET, BASIC, "8472910385", "/x9Kq2mZ", "./qwe123", "$(x)real", "abcdefabcdef12345", "pa$word1", *HASHES),
    base64.b64encode(f"password: {SECRET}".encode()).decode(),
)
"""The credentials in :data:`FOUND`."""


@pytest.mark.parametrize("name", FOUND)
def test_a_credential_is_found_and_masked_wherever_it_is_written(name: str) -> None:
    given = FOUND[name]
    assert credentials.places(given)
    printed = str(credentials.masked(given))
    hidden = [each for each in CREDENTIALS if each in str(given).replace("$$", "$")]
    assert hidden, "the value has none of the credentials in this list"
    ends = [end for each in hidden for end in (each[:3], each[-3:])]
    assert [end for end in ends if end in printed.replace("$$", "$")] == []
    assert "[secret]" in printed


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_a_credential_is_printed(name: str) -> None:
    assert credentials.places(HARMLESS[name]) == []
    assert credentials.masked(HARMLESS[name]) == HARMLESS[name]


def test_only_the_value_of_a_credential_is_masked() -> None:
    text = f"port 6379\nrequirepass {SECRET}\nmaxmemory 1gb\n"
    assert credentials.masked(text) == "port 6379\nrequirepass [secret]\nmaxmemory 1gb\n"
    assert credentials.masked(["mysql", "-uroot", f"-p{SECRET}"]) == ["mysql", "-uroot", "[secret]"]
    assert credentials.masked(f"https://x/?token={SECRET}&a=1") == "https://x/?token=[secret]&a=1"


@pytest.mark.parametrize(
    ("kind", "inputs", "path", "found"),
    [
        ("kubernetes:core/v1:ConfigMap", {"data": {"line": "x"}}, ("data", "line"), ["data.line"]),
        ("docker:index/container:Container", {"envs": ["A=x"]}, ("envs", 0), ["envs[0]"]),
        ("kubernetes:core/v1:Secret", {"stringData": {"line": "x"}}, ("stringData", "line"), []),
        ("kubernetes:core/v1:ConfigMap", {"data": {"password": "hunter2hunter2"}}, ("data", "password"), ["data.password"]),
    ],
)
def test_a_secret_of_the_stack_is_found_whatever_its_name(
    kind: str, inputs: dict[str, Any], path: tuple[str | int, ...], found: list[str]
) -> None:
    resource = Resource(urn="urn:pulumi:x::y::z::it", type=kind, name="it", inputs=inputs, secret_paths=(path,))
    [rule] = [each for each in policies.RULES if each.name == "workload-secrets-by-reference"]
    assert [each.path for each in run(rule, [resource], config_of("production"))] == found
