"""The stack on AWS, created in moto and asked for through the services' own APIs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from moto.cloudformation.parsing import get_model_map
from stacks import MADE_BY_API, NAME, TEMPLATE, Deployed, deployed, template

from segmentation.commands.arguments import parser

pytestmark = pytest.mark.slow

OUTPUTS = re.findall(
    r"\w+",
    """
    Region ServiceRepositoryUri BatchRepositoryUri ClusterName ServiceName ServiceTaskFamily BatchTaskFamily
    ExecutionRoleArn ServiceRoleArn BatchRoleArn DeployRoleArn BucketName StoreUrl ServiceLogGroup BatchLogGroup
    ApiKeysSecretArn ServiceUrl TaskSubnets AssignPublicIp BatchSecurityGroup ServiceCpu ServiceMemory BatchCpu
    BatchMemory BatchScratchGiB Shop
    """,
)
ALARMS = {
    "batch-task-failed",
    "batch-failed",
    "batch-not-run",
    "rejected-rows",
    "dead-letters",
    "snapshot-age",
    "tried-out-ids",
    "service-errors",
    "load-balancer-errors",
    "latency",
    "unhealthy-tasks",
    "no-healthy-task",
}


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Deployed, Deployed]]:
    with deployed() as found:
        yield found


@pytest.fixture
def stack(both: tuple[Deployed, Deployed]) -> Deployed:
    return both[1]


def test_the_template_fits_in_one_request() -> None:
    assert (
        TEMPLATE.stat().st_size <= 51_200
    )  # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html


def test_only_what_moto_lacks_is_left_out_of_the_stack() -> None:
    types = {one["Type"] for one in template()["Resources"].values()}
    assert types - set(get_model_map()) | {"AWS::ECS::Service"} == set(MADE_BY_API)


def test_the_stack_gives_every_output_that_the_task_definitions_ask_for(stack: Deployed) -> None:
    assert set(OUTPUTS) <= stack.outputs.keys()
    assert all(stack.outputs.values())
    families = stack.client("ecs").list_task_definition_families()["families"]
    assert sorted(families) == [stack.outputs["BatchTaskFamily"], stack.outputs["ServiceTaskFamily"]]


def test_nothing_runs_before_images_and_task_definitions_are_there(both: tuple[Deployed, Deployed]) -> None:
    first, then = both
    assert first.things == {f"{NAME}-batch-failure"}
    service = f"arn:aws:ecs:{first.outputs['Region']}:123456789012:service/{NAME}/{NAME}-service"
    assert then.things - first.things == {service, f"{NAME}-arrival", f"{NAME}-batch"}
    assert first.outputs == then.outputs
    assert set(OUTPUTS) <= first.outputs.keys()


# ---- Store and images


def test_the_bucket_is_private_versioned_and_encrypted(stack: Deployed) -> None:
    s3, bucket, properties = stack.client("s3"), stack.outputs["BucketName"], stack.resources["Bucket"]
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    # moto's stack sets no more of a bucket than its encryption: the rest as resolved.
    (statement,) = stack.resources["BucketPolicy"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"], True
    )
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert properties["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_no_rule_of_the_bucket_expires_a_current_snapshot(stack: Deployed) -> None:
    rules = {rule["Id"]: rule for rule in stack.resources["Bucket"]["LifecycleConfiguration"]["Rules"]}
    expiring = {name: rule.get("Prefix") for name, rule in rules.items() if "ExpirationInDays" in rule}
    assert expiring == {"events-are-a-cache": "store/events/"}
    assert rules["events-are-a-cache"]["ExpirationInDays"] == 60
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["unfinished-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    moved = {rule["Prefix"]: rule["Transitions"][0]["StorageClass"] for rule in rules.values() if "Transitions" in rule}
    assert moved == {"store/snapshots/": "STANDARD_IA"}  # each run with a new file reads all of raw/


def test_images_are_immutable_scanned_and_kept(stack: Deployed) -> None:
    repositories = stack.client("ecr").describe_repositories()["repositories"]
    assert len(repositories) == 2
    for one in repositories:
        assert one["imageTagMutability"] == "IMMUTABLE"
    for name in ("ServiceRepository", "BatchRepository"):  # moto's stack leaves these out: as resolved
        assert stack.resources[name]["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert stack.resources[name]["EncryptionConfiguration"] == {"EncryptionType": "KMS"}
        rules = json.loads(stack.resources[name]["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        assert [(rule["selection"]["tagStatus"], rule["selection"]["countNumber"]) for rule in rules] == [
            ("untagged", 1),
            ("any", 20),
        ]


@pytest.mark.parametrize("name", ["Bucket", "ServiceRepository", "BatchRepository", "Key", "GitHubProvider"])
def test_what_cannot_be_made_again_outlives_the_stack(name: str) -> None:
    resource = template()["Resources"][name]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_the_first_api_key_lets_the_service_start_and_nobody_in(stack: Deployed) -> None:
    name, scopes, digest = (
        stack.client("secretsmanager").get_secret_value(SecretId="api-keys")["SecretString"].split(":")
    )
    assert (name, scopes) == ("nobody", "lookup")
    assert digest == "0" * 64
    assert stack.resources["ApiKeys"]["KmsKeyId"].startswith("arn:aws:kms:")


def test_logs_are_kept_for_a_time_and_encrypted(stack: Deployed) -> None:
    groups = stack.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == [
        stack.outputs["BatchLogGroup"],
        stack.outputs["ServiceLogGroup"],
    ]
    assert {group["retentionInDays"] for group in groups} == {30}
    assert all(stack.resources[name]["KmsKeyId"].startswith("arn:aws:kms:") for name in ("ServiceLogs", "BatchLogs"))


# ---- Load balancer and service


def test_callers_come_over_tls_and_only_to_ready_tasks(stack: Deployed) -> None:
    balancing = stack.client("elbv2")
    (balancer,) = balancing.describe_load_balancers()["LoadBalancers"]
    assert {zone["ZoneName"] for zone in balancer["AvailabilityZones"]} == {"eu-west-3a", "eu-west-3b"}
    listeners = balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    by_port = {listener["Port"]: listener for listener in listeners}
    assert by_port[80]["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"
    assert by_port[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert by_port[443]["Certificates"][0]["CertificateArn"] == stack.parameters["CertificateArn"]
    (group,) = balancing.describe_target_groups()["TargetGroups"]
    assert (group["HealthCheckPath"], group["Matcher"], group["TargetType"]) == ("/readyz", {"HttpCode": "200"}, "ip")
    assert by_port[443]["DefaultActions"][0]["TargetGroupArn"] == group["TargetGroupArn"]
    # moto's stack leaves attributes out: these as resolved.
    attributes = {one["Key"]: one["Value"] for one in stack.resources["TargetGroup"]["TargetGroupAttributes"]}
    assert int(attributes["deregistration_delay.timeout_seconds"]) > 10  # the service's grace
    attributes = {one["Key"]: one["Value"] for one in stack.resources["LoadBalancer"]["LoadBalancerAttributes"]}
    assert attributes["deletion_protection.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "false"


def test_only_the_load_balancer_reaches_the_service_and_nobody_the_batch(stack: Deployed) -> None:
    groups = {group["Description"]: group for group in stack.client("ec2").describe_security_groups()["SecurityGroups"]}
    balancer = groups["Callers to the load balancer, the load balancer to the service"]
    (rule,) = groups["Service tasks"]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == (8000, 8000, [])
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [balancer["GroupId"]]
    assert groups["Batch tasks, which nobody calls"]["IpPermissions"] == []
    assert {port["FromPort"] for port in balancer["IpPermissions"]} == {80, 443}


def test_the_service_rolls_a_bad_deployment_back_and_scales(stack: Deployed) -> None:
    (service,) = stack.client("ecs").describe_services(cluster=NAME, services=[f"{NAME}-service"])["services"]
    assert service["taskDefinition"].endswith(f"task-definition/{NAME}-service:1")
    assert stack.resources["Service"]["DeploymentConfiguration"] == {  # moto tells nothing of it: as resolved
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    assert network["subnets"] == stack.parameters["TaskSubnets"].split(",")
    (container,) = stack.client("ecs").describe_task_definition(taskDefinition=f"{NAME}-service")["taskDefinition"][
        "containerDefinitions"
    ]
    (balanced,) = service["loadBalancers"]
    assert (balanced["containerName"], balanced["containerPort"]) == (
        container["name"],
        container["portMappings"][0]["containerPort"],
    )
    assert stack.resources["Service"]["HealthCheckGracePeriodSeconds"] == container["healthCheck"]["startPeriod"]
    scaling = stack.client("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert target["ResourceId"] == f"service/{NAME}/{NAME}-service"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    metrics = {
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]
        for policy in policies
    }
    assert metrics == {"ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"}


# ---- Batch


def _run(stack: Deployed, request: str, network: dict[str, list[str]]) -> list[str]:
    """Start the batch as ECS is asked to, and return the command of the task that runs."""
    ecs = stack.client("ecs")
    answer = ecs.run_task(
        cluster=NAME,
        taskDefinition=f"{NAME}-batch",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {name[0].lower() + name[1:]: at for name, at in network.items()}},
        overrides=json.loads(request),
    )
    (task,) = ecs.describe_tasks(cluster=NAME, tasks=[answer["tasks"][0]["taskArn"]])["tasks"]
    assert task["group"] == f"family:{NAME}-batch"
    assert network["Subnets"] == stack.parameters["TaskSubnets"].split(",")
    assert network["SecurityGroups"] == [stack.outputs["BatchSecurityGroup"]]
    (container,) = task["overrides"]["containerOverrides"]
    batch = ecs.describe_task_definition(taskDefinition=f"{NAME}-batch")["taskDefinition"]
    assert container["name"] == batch["containerDefinitions"][0]["name"]
    command: list[str] = container["command"]
    return command


def _is_understood(command: list[str], monkeypatch: pytest.MonkeyPatch, stack: Deployed) -> Any:
    monkeypatch.setenv("MENAGERIE_STORE", stack.outputs["StoreUrl"])
    monkeypatch.setenv("MENAGERIE_EVENTS", f"{stack.outputs['StoreUrl']}/raw")
    return parser().parse_args(command)


def test_the_schedule_runs_the_newest_batch_as_of_its_time(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = stack.client("scheduler").get_schedule(Name=f"{NAME}-batch")
    assert schedule["State"] == "ENABLED"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Paris"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    target = schedule["Target"]
    assert target["EcsParameters"]["TaskDefinitionArn"].endswith(f":task-definition/{NAME}-batch")
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 7200}
    assert target["DeadLetterConfig"]["Arn"] == _dead_letters(stack)["QueueArn"]
    request = target["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-20T02:30:00Z")
    network = stack.resources["Schedule"]["Target"]["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    command = _run(stack, request, network)
    assert command == ["run", "--as-of", "2026-11-20T02:30:00Z", "--keep", "12"]
    assert _is_understood(command, monkeypatch, stack).keep == 12


ARRIVALS = ["store/raw/2026-11-20.csv", "store/raw/2026/11/20.csv.gz", "store/raw/a.parquet"]
NO_ARRIVALS = ["store/raw/readme.txt", "store/raw/a.csv.tmp", "store/events/k/a.parquet", "store/snapshots/CURRENT"]


def test_files_that_arrive_run_the_batch_and_others_do_not(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    events, sqs, s3 = (stack.client(name) for name in ("events", "sqs", "s3"))
    rule = f"{NAME}-arrival"
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert target["EcsParameters"]["TaskDefinitionArn"].endswith(f":task-definition/{NAME}-batch")
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 7200}
    assert target["DeadLetterConfig"]["Arn"] == _dead_letters(stack)["QueueArn"]
    (resolved,) = stack.resources["Arrival"]["Targets"]
    network = resolved["EcsParameters"]["NetworkConfiguration"]["AwsVpcConfiguration"]
    # moto delivers no event to ECS: a queue behind the same rule gets the events, and the input is filled in here.
    queue = sqs.create_queue(QueueName="instead-of-ecs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule=rule, Targets=[{"Id": target["Id"], "Arn": arn}])
    s3.put_bucket_notification_configuration(
        Bucket=stack.outputs["BucketName"], NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    for key in ARRIVALS + NO_ARRIVALS:
        s3.put_object(Bucket=stack.outputs["BucketName"], Key=key, Body=b"x")
    told = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    found = [json.loads(message["Body"]) for message in told]
    assert sorted(event["detail"]["object"]["key"] for event in found) == sorted(ARRIVALS)
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"time": "$.time", "key": "$.detail.object.key"}
    request = transformer["InputTemplate"].replace("<time>", found[0]["time"]).replace("<key>", ARRIVALS[0])
    command = _run(stack, request, network)
    assert command == ["run", "--as-of", found[0]["time"], "--keep", "12", "--arrived", ARRIVALS[0], found[0]["time"]]
    assert _is_understood(command, monkeypatch, stack).arrived[0] == ARRIVALS[0]


def _dead_letters(stack: Deployed) -> dict[str, Any]:
    sqs = stack.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "DeadLetters" in url]
    attributes: dict[str, Any] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def test_dead_letters_are_encrypted_and_come_from_the_rule_only(stack: Deployed) -> None:
    queue = _dead_letters(stack)
    assert queue["SqsManagedSseEnabled"] == "true"
    (statement,) = json.loads(queue["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(f":rule/{NAME}-arrival")


# ---- Alarms


def test_every_alarm_rings_at_the_topic(stack: Deployed) -> None:
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in alarms} == {f"{NAME}-{name}" for name in ALARMS}
    (topic,) = stack.client("sns").list_topics()["Topics"]
    assert all(alarm["AlarmActions"] == [topic["TopicArn"]] for alarm in alarms)
    attributes = stack.client("sns").get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
    assert attributes["KmsMasterKeyId"]
    (subscription,) = stack.client("sns").list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "on-call@example.com")


def test_a_batch_that_does_not_run_breaches_within_what_cloudwatch_allows(stack: Deployed) -> None:
    (alarm,) = stack.client("cloudwatch").describe_alarms(AlarmNames=[f"{NAME}-batch-not-run"])["MetricAlarms"]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Menagerie", "Runs")
    assert alarm["Dimensions"] == [{"Name": "Shop", "Value": NAME}]
    most_days = template()["Parameters"]["NoRunDays"]["MaxValue"]
    assert alarm["Period"] * most_days <= 604_800


def test_the_metrics_of_two_stacks_are_kept_apart(stack: Deployed) -> None:
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]
    asked = [alarm["Dimensions"] for alarm in alarms if alarm["Namespace"] == "Menagerie"]
    assert asked == [[{"Name": "Shop", "Value": stack.outputs["Shop"]}]] * 3
    assert stack.outputs["Shop"] == NAME


def test_the_alarm_for_no_healthy_task_rings_without_figures_too(stack: Deployed) -> None:
    (alarm,) = stack.client("cloudwatch").describe_alarms(AlarmNames=[f"{NAME}-no-healthy-task"])["MetricAlarms"]
    assert (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "HealthyHostCount",
        "LessThanThreshold",
        1,
    )
    assert alarm["TreatMissingData"] == "breaching"


@pytest.mark.parametrize(
    ("pattern", "value", "alarm_name"),
    [
        ('{ $.message = "snapshot age" }', "$.age_days", "snapshot-age"),
        ('{ $.message = "a key asks for more ids*" }', "1", "tried-out-ids"),
    ],
)
def test_what_rings_is_read_from_the_log(stack: Deployed, pattern: str, value: str, alarm_name: str) -> None:
    found = stack.client("logs").describe_metric_filters()["metricFilters"]
    (one,) = (each for each in found if each["filterPattern"] == pattern)
    assert one["logGroupName"] == stack.outputs["ServiceLogGroup"]
    (metric,) = one["metricTransformations"]
    assert metric["metricValue"] == value
    (alarm,) = stack.client("cloudwatch").describe_alarms(AlarmNames=[f"{NAME}-{alarm_name}"])["MetricAlarms"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["metricNamespace"], metric["metricName"])


# Real events have a list of containers here, which EventBridge looks into and moto does not: ours has one.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html
@pytest.mark.parametrize(
    ("detail", "rings"),
    [
        ({"containers": {"exitCode": 0}}, False),
        ({"containers": {"exitCode": 3}}, True),
        ({"containers": {"exitCode": 137}}, True),
        ({"containers": {"name": "batch"}, "stoppedReason": "CannotPullContainerError"}, True),
        ({"containers": {"exitCode": 3}, "lastStatus": "DEACTIVATING"}, False),
        ({"containers": {"exitCode": 3}, "group": "family:another"}, False),
    ],
)
def test_a_batch_task_that_fails_is_told(stack: Deployed, detail: dict[str, Any], rings: bool) -> None:
    events, sqs = stack.client("events"), stack.client("sqs")
    rule = events.describe_rule(Name=f"{NAME}-batch-failure")
    event = {
        "clusterArn": stack.client("ecs").describe_clusters(clusters=[NAME])["clusters"][0]["clusterArn"],
        "group": f"family:{NAME}-batch",
        "lastStatus": "STOPPED",
    }
    # moto delivers no event to SNS: a queue behind the same pattern gets it.
    queue = sqs.create_queue(QueueName="instead-of-sns")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    events.put_targets(Rule=rule["Name"], Targets=[{"Id": target["Id"], "Arn": arn}])
    detail_text = json.dumps(event | detail)
    events.put_events(Entries=[{"Source": "aws.ecs", "DetailType": "ECS Task State Change", "Detail": detail_text}])
    assert bool(sqs.receive_message(QueueUrl=queue).get("Messages")) is rings
    sqs.delete_queue(QueueUrl=queue)


def test_the_dashboard_is_json_and_names_the_metrics(stack: Deployed) -> None:
    body = stack.client("cloudwatch").get_dashboard(DashboardName=NAME)["DashboardBody"]
    told = json.dumps(json.loads(body))
    assert all(name in told for name in ("RequestCount", "ServedSnapshotAgeDays", "FailedRuns", "RejectedShare"))
