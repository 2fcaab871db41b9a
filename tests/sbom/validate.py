"""Judges a bill of materials by the official schema of CycloneDX 1.6; says what is wrong and ends with 1."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

with open(sys.argv[1], encoding="utf-8") as file:
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
if wrong:
    sys.exit(f"{sys.argv[1]}: {wrong}")
