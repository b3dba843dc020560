"""Topics, their policies and their subscriptions."""

from __future__ import annotations

from embedded_cloud.providers.aws._values import Properties, json_text, tag_dict, tag_list
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.modelled import names, properties


class Topic(AwsResource):
    """A topic; its ARN is its id."""

    token = "aws:sns/topic:Topic"
    service = "sns"
    attributes = properties(displayName="DisplayName", kmsMasterKeyId="KmsMasterKeyId")
    replace_on = names("name")
    set_by_update = frozenset(attributes)
    updatable = TAGS | set_by_update
    tagging = Tagging(resource="ResourceArn")
    auto_name = "name"

    def create(self, inputs: Properties) -> str:
        return self.api.create_topic(Name=inputs["name"], Tags=tag_list(inputs["tagsAll"]))["TopicArn"]

    def read(self, id: str) -> Properties | None:
        found = self.api.get_topic_attributes(TopicArn=id)["Attributes"]
        return {
            "name": id.rpartition(":")[2],
            "arn": id,
            **{name: found[key] for name, key in self.attributes.items() if found.get(key)},
            "tagsAll": tag_dict(self.api.list_tags_for_resource(ResourceArn=id)["Tags"]),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        for name, key in self.attributes.items():
            if old.get(name) != new.get(name):
                self.api.set_topic_attributes(TopicArn=id, AttributeName=key, AttributeValue=new.get(name) or "")

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_topic(TopicArn=id)


class TopicPolicy(AwsResource):
    """The policy of a topic. Its deletion sets a policy that allows only the account to use the topic."""

    token = "aws:sns/topicPolicy:TopicPolicy"
    service = "sns"
    replace_on = names("arn")
    updatable = names("policy")

    def create(self, inputs: Properties) -> str:
        self._set(inputs["arn"], inputs["policy"])
        return inputs["arn"]

    def read(self, id: str) -> Properties | None:
        return {"arn": id, "policy": self.api.get_topic_attributes(TopicArn=id)["Attributes"]["Policy"]}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self._set(id, new["policy"])

    def delete(self, id: str, inputs: Properties) -> None:
        owner = {"AWS": f"arn:aws:iam::{self.aws.account}:root"}
        statement = {"Effect": "Allow", "Principal": owner, "Action": "SNS:*", "Resource": id}
        self._set(id, json_text({"Version": "2012-10-17", "Statement": [statement]}))

    def _set(self, id: str, policy: str) -> None:
        self.api.set_topic_attributes(TopicArn=id, AttributeName="Policy", AttributeValue=policy)


class TopicSubscription(AwsResource):
    """A subscription to a topic; its ARN is its id.

    On AWS, the owner of an email or HTTP endpoint must confirm the subscription. In moto, every subscription is valid at once.
    """

    token = "aws:sns/topicSubscription:TopicSubscription"
    service = "sns"
    replace_on = names("topic protocol endpoint")

    def create(self, inputs: Properties) -> str:
        wanted = {"TopicArn": inputs["topic"], "Protocol": inputs["protocol"], "Endpoint": inputs["endpoint"]}
        return self.api.subscribe(**wanted, ReturnSubscriptionArn=True)["SubscriptionArn"]

    def read(self, id: str) -> Properties | None:
        found = self.api.get_subscription_attributes(SubscriptionArn=id)["Attributes"]
        return {"topic": found["TopicArn"], "protocol": found["Protocol"], "endpoint": found["Endpoint"], "arn": id}

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.unsubscribe(SubscriptionArn=id)
