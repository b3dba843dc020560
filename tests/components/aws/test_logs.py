import json

from recording import run_platform


def test_logs_are_kept_as_long_as_the_setting_says_and_encrypted() -> None:
    groups = run_platform("local", logs={"retentionDays": 60}).of("LogGroup")
    assert len(groups) == 3
    assert {group.inputs["retentionInDays"] for group in groups} == {60}
    assert all(group.inputs["kmsKeyId"].endswith(":dwcp-v3-logs") for group in groups)


def test_only_this_accounts_log_groups_may_use_the_log_key() -> None:
    statements = json.loads(run_platform("local").one("Key", "dwcp-v3-logs")["policy"])["Statement"]
    logs = next(each for each in statements if each["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"})
    assert logs["Condition"]["ArnLike"] == {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:123456789012:log-group:*"}
