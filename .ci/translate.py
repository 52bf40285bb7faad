"""Translates the deployment template as SAM would: `translate.py TEMPLATE TRANSLATION`.

The translation is JSON. Functions take their code from a bucket `code`, each by the name of its binary.
"""
import json
import os
import sys

# Nothing is asked of AWS, but the translator wants a region.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoPolicies:
    """The managed policies of an account, which the template does not use."""

    def load(self):
        return {}


def translated(text):
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            binary = resource["Metadata"]["BuildProperties"]["Binary"]
            resource["Properties"]["CodeUri"] = {"Bucket": "code", "Key": f"{binary}.zip"}
    return transform(template, {}, NoPolicies())


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        translation = translated(source.read())
    with open(sys.argv[2], "w", encoding="utf-8") as into:
        json.dump(translation, into, indent=1)
