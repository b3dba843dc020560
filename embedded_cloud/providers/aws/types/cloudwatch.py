"""Alarms on metrics. moto stores alarms, but never evaluates them."""

from __future__ import annotations

from typing import Any

from embedded_cloud.providers.aws._values import Properties, camel, first, given, pascal, pick, tag_dict, tag_list
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.modelled import names, properties


class MetricAlarm(AwsResource):
    """An alarm. Its id is its name. The call ``PutMetricAlarm``, with all inputs, creates and changes an alarm."""

    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    service = "cloudwatch"
    plain = (
        *("alarmDescription", "comparisonOperator", "threshold", "evaluationPeriods", "datapointsToAlarm", "namespace"),
        *("metricName", "statistic", "extendedStatistic", "period", "treatMissingData", "actionsEnabled"),
    )
    renamed = properties(
        alarmActions="AlarmActions",
        okActions="OKActions",
        insufficientDataActions="InsufficientDataActions",
        evaluateLowSampleCountPercentiles="EvaluateLowSampleCountPercentile",
    )
    replace_on = names("name")
    updatable = TAGS | frozenset(plain) | frozenset(renamed) | names("dimensions metricQueries")
    defaults = properties(actionsEnabled=True, treatMissingData="missing")
    auto_name = "name"
    tagging = Tagging(resource="ResourceARN")

    def create(self, inputs: Properties) -> str:
        self.api.put_metric_alarm(**self._request(inputs), Tags=tag_list(inputs["tagsAll"]))
        return inputs["name"]

    def read(self, id: str) -> Properties | None:
        alarm = first(self.api.describe_alarms(AlarmNames=[id])["MetricAlarms"])
        arn = alarm["AlarmArn"]
        queries = [_from_query(query) for query in alarm.get("Metrics") or []]
        dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or []}
        return {
            "name": id,
            "arn": arn,
            **pick(alarm, *self.plain),
            **{name: alarm[key] for name, key in self.renamed.items() if alarm.get(key)},
            **({"dimensions": dimensions} if dimensions else {}),
            **({"metricQueries": queries} if queries else {}),
            "tagsAll": tag_dict(self.api.list_tags_for_resource(ResourceARN=arn)["Tags"]),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.put_metric_alarm(**self._request(new))

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_alarms(AlarmNames=[id])

    def tagged(self, id: str) -> str:
        return f"arn:aws:cloudwatch:{self.aws.region}:{self.aws.account}:alarm:{id}"

    def _request(self, inputs: Properties) -> Properties:
        queries = {"Metrics": [_to_query(query) for query in inputs["metricQueries"]]} if inputs.get("metricQueries") else {}
        dimensions = {"Dimensions": _pairs(inputs["dimensions"])} if inputs.get("dimensions") else {}
        return {
            "AlarmName": inputs["name"],
            **given(inputs, *self.plain),
            **{key: inputs[name] for name, key in self.renamed.items() if inputs.get(name)},
            **dimensions,
            **queries,
        }


def _pairs(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def _to_query(query: Properties) -> dict[str, Any]:
    """A query of the SDK in the form of the API, in which the metric and its statistic are nested differently."""
    plain = pascal({key: query[key] for key in ("id", "expression", "label", "period") if query.get(key) is not None})
    metric = query.get("metric")
    if metric is None:
        return {**plain, "ReturnData": query.get("returnData", False)}
    named = {"Namespace": metric["namespace"], "MetricName": metric["metricName"], "Dimensions": _pairs(metric["dimensions"])}
    stat = {"Metric": named, "Period": metric["period"], "Stat": metric["stat"]}
    return {**plain, "MetricStat": stat, "ReturnData": query.get("returnData", False)}


def _from_query(query: dict[str, Any]) -> Properties:
    """The reverse of :func:`_to_query`."""
    plain = {key: value for key, value in camel(query).items() if key in ("id", "expression", "label") and value}
    shown = {"returnData": True} if query.get("ReturnData") else {}
    if (stat := query.get("MetricStat")) is None:
        return {**plain, **shown}
    metric = stat["Metric"]
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
    named = {"namespace": metric["Namespace"], "metricName": metric["MetricName"], "dimensions": dimensions}
    return {**plain, **shown, "metric": {**named, "period": stat["Period"], "stat": stat["Stat"]}}
