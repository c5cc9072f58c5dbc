"""What AWS's own services and docker do in a role's name, from their documentation."""

from collections.abc import Iterable

from needs import AT, Call, Need, of_ecs, stream_of
from stacks import Deployed


def documented(stack: Deployed) -> dict[str, list[Need]]:
    """Return what AWS's own services and docker need in a role's name, from their documentation."""
    repositories = [f"arn:aws:ecr:{AT}:repository/{part}repository" for part in ("service", "batch")]
    streams = [stream_of(stack.outputs[f"{part}LogGroup"], "ecs/x") for part in ("Service", "Batch")]
    token, secrets = "ecr:GetAuthorizationToken", {"kms:ViaService": "secretsmanager.eu-west-3.amazonaws.com"}
    return {
        "DeployRole": [
            Need(token, "*", "docker login"),
            *_on(repositories, "docker push", "ecr", PUSHED),
            *_on(repositories, "docker manifest inspect", "ecr", ("BatchGetImage", "GetDownloadUrlForLayer")),
        ],
        "ExecutionRole": [
            Need(token, "*", "ECS agent"),
            *_on(repositories, "ECS agent", "ecr", PULLED),
            *_on(streams, "ECS agent", "logs", ("CreateLogStream", "PutLogEvents")),
            Need("secretsmanager:GetSecretValue", stack.outputs["ApiKeysSecretArn"], "ECS agent"),
            Need("kms:Decrypt", key_of(stack), "ECS agent", context=secrets),
        ],
        "ScheduleRole": [
            *_started(stack, "EventBridge Scheduler"),
            Need("sqs:SendMessage", queue_of(stack), "EventBridge Scheduler"),
        ],
        "ArrivalRole": _started(stack, "EventBridge"),
    }


SOURCES = {
    "docker login": "https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html",
    "docker push": "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html",
    "docker manifest inspect": "https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html",
    "ECS agent": "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html",
    "EventBridge Scheduler": "https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html",
    "EventBridge": "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html",
}
PULLED = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
PUSHED = (
    "BatchCheckLayerAvailability",
    "BatchGetImage",
    "CompleteLayerUpload",
    "InitiateLayerUpload",
    "PutImage",
    "UploadLayerPart",
)


def _on(resources: Iterable[str], by: str, service: str, actions: Iterable[str]) -> list[Need]:
    return [Need(f"{service}:{action}", resource, by) for action in actions for resource in resources]


def _started(stack: Deployed, by: str) -> list[Need]:
    asked = {"taskDefinition": stack.outputs["BatchTaskFamily"], "cluster": stack.outputs["ClusterName"]}
    return list(of_ecs(Call("ecs", "RunTask", asked, True), by, stack))


def key_of(stack: Deployed) -> str:
    """Return the ARN of the stack's key."""
    (key,) = stack.client("kms").list_keys()["Keys"]
    return str(key["KeyArn"])


def queue_of(stack: Deployed) -> str:
    """Return the ARN of the queue of dead letters."""
    (url,) = stack.client("sqs").list_queues()["QueueUrls"]
    found = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])
