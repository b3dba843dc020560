"""Certificates, and the check that they are issued."""

from __future__ import annotations

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws._values import Properties, pascal, pick, tag_dict, tag_list
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.modelled import names, properties


class Certificate(AwsResource):
    """A certificate. ACM issues it when its DNS records exist, and the embedded cloud issues it immediately."""

    token = "aws:acm/certificate:Certificate"
    service = "acm"
    replace_on = names("domainName subjectAlternativeNames validationMethod keyAlgorithm")
    updatable = TAGS
    tagging = Tagging(
        resource="CertificateArn",
        add="add_tags_to_certificate",
        remove="remove_tags_from_certificate",
        keys=lambda keys: {"Tags": [{"Key": key} for key in keys]},
    )
    defaults = properties(keyAlgorithm="RSA_2048")

    def create(self, inputs: Properties) -> str:
        parameters = pascal({key: inputs[key] for key in self.replace_on if key in inputs})
        return self.api.request_certificate(**parameters, Tags=tag_list(inputs["tagsAll"]))["CertificateArn"]

    def read(self, id: str) -> Properties | None:
        certificate = self.api.describe_certificate(CertificateArn=id)["Certificate"]
        options = sorted(
            certificate["DomainValidationOptions"], key=lambda option: option["DomainName"] != certificate["DomainName"]
        )
        return {
            **pick(certificate, "domainName", "keyAlgorithm", "status", "type"),
            "subjectAlternativeNames": sorted(certificate["SubjectAlternativeNames"]),
            "validationMethod": options[0]["ValidationMethod"],
            "domainValidationOptions": [
                {
                    "domainName": option["DomainName"],
                    **{f"resourceRecord{key}": value for key, value in option["ResourceRecord"].items()},
                }
                for option in options
            ],
            "arn": id,
            "tagsAll": tag_dict(self.api.list_tags_for_certificate(CertificateArn=id)["Tags"]),
        }

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_certificate(CertificateArn=id)


class CertificateValidation(AwsResource):
    """A check that a certificate is issued.

    Its id is the certificate's ARN. It creates nothing in AWS. The official provider waits until the certificate is issued.
    """

    token = "aws:acm/certificateValidation:CertificateValidation"
    service = "acm"
    replace_on = names("certificateArn")
    provider_only = names("validationRecordFqdns")

    def create(self, inputs: Properties) -> str:
        status = self.api.describe_certificate(CertificateArn=inputs["certificateArn"])["Certificate"]["Status"]
        if status != "ISSUED":
            raise EmbeddedCloudError(
                f"certificate {inputs['certificateArn']} is {status}, not ISSUED",
                "start moto with MOTO_ACM_VALIDATION_WAIT=0, as the embedded cloud does",
            )
        return inputs["certificateArn"]

    def read(self, id: str) -> Properties | None:
        return pick(self.api.describe_certificate(CertificateArn=id)["Certificate"], "certificateArn")

    def delete(self, id: str, inputs: Properties) -> None:
        """Do nothing, because nothing was created."""
