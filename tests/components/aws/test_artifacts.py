from recording import run_platform


def test_artifacts_are_encrypted_with_their_own_rotated_key() -> None:
    graph = run_platform("local")
    rule = graph.one("BucketServerSideEncryptionConfiguration", "dwcp-v3-artifacts")["rules"][0]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith(":dwcp-v3-artifacts")
    assert graph.one("Key", "dwcp-v3-artifacts")["enableKeyRotation"] is True


def test_old_versions_and_incomplete_uploads_expire() -> None:
    graph = run_platform("local", artifacts={"noncurrentVersionDays": 7, "infrequentAccessAfterDays": 60})
    rules = {rule["id"]: rule for rule in graph.one("BucketLifecycleConfiguration", "dwcp-v3-artifacts")["rules"]}
    assert rules["infrequent-access"]["transitions"] == [{"days": 60, "storageClass": "STANDARD_IA"}]
    assert rules["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 7}
    assert rules["old-versions"]["abortIncompleteMultipartUpload"]["daysAfterInitiation"] == 7
    assert all(rule["status"] == "Enabled" for rule in rules.values())


def test_only_a_stack_with_force_destroy_deletes_its_artifacts() -> None:
    assert run_platform("production").one("aws:s3/bucket:Bucket", "dwcp-v3-artifacts")["forceDestroy"] is False
    assert run_platform("local").one("aws:s3/bucket:Bucket", "dwcp-v3-artifacts")["forceDestroy"] is True
