"""What DMTF's Python library reads of a Redfish service, as JSON, for tests/tests/redfish.rs.

The server is believed by the authority's certificate alone. The password is in $REDFISH_PASSWORD.
Exit status 3 with a line on standard error: there was no answer, or no login.
"""

import argparse
import json
import os
import sys
import time

import redfish

# How often a resource is asked for that nobody knows now: an election ends sooner.
TRIES = 10


def told(answer):
    """An answer: its status, headers and body; none where it is no JSON."""
    try:
        body = json.loads(answer.text)
    except ValueError:
        body = None
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return {"status": answer.status, "headers": headers, "body": body, "text": answer.text}


def links(value):
    """Every address that a resource names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("@odata.id", "DataSourceUri", "Members@odata.nextLink"):
                yield inner
            else:
                yield from links(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from links(inner)


def patient(client, address):
    """An answer; as long as it is 503, another one, when the service says that it may know more."""
    for _ in range(TRIES):
        answer = told(client.get(address))
        if answer["status"] != 503:
            break
        time.sleep(int(answer["headers"]["retry-after"]))
    return answer


def walk(client):
    """Every resource that can be reached from the root, by its address."""
    found, left = {}, ["/redfish/v1/"]
    while left:
        address = left.pop()
        if address not in found:
            found[address] = patient(client, address)
            left.extend(links(found[address]["body"]))
    return found


def main():
    """Reads what is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--auth", choices=["session", "basic", "none"], default="session")
    parser.add_argument("--walk", action="store_true")
    parser.add_argument("--body")
    parser.add_argument("requests", nargs="*", metavar="METHOD ADDRESS")
    words = parser.parse_args()
    try:
        password = os.environ.get("REDFISH_PASSWORD")
        client = redfish.redfish_client(
            base_url=words.at, cafile=words.ca, username=words.user, password=password, timeout=20, max_retry=0
        )
        if words.auth != "none":
            client.login(auth=words.auth)
    except Exception as error:  # What the library raises has many types, and all mean the same here.
        cause = error.__cause__ or error.__context__ or ""
        print(f"{type(error).__name__}: {error} {cause}", file=sys.stderr)
        return 3
    body = json.loads(words.body) if words.body else None
    if words.walk:
        answers = walk(client)
    else:
        methods = {"POST": client.post, "PATCH": client.patch, "PUT": client.put, "DELETE": client.delete}
        answers = []
        for method, address in zip(words.requests[::2], words.requests[1::2]):
            send = methods.get(method)
            answers.append(told(send(address, body=body) if send else client.get(address)))
    if words.auth == "session":
        client.logout()
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
