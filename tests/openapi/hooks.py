"""What JSON Schema cannot say of requests."""

import schemathesis


@schemathesis.hook
def map_body(context, body):
    """Replaces regular expressions by one that is valid: the document cannot describe their syntax."""
    if isinstance(body, dict) and isinstance(body.get("regex"), list):
        body["regex"] = [[path, "^a.*[0-9]$"] for path, _ in body["regex"]]
    return body
