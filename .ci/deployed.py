"""Deploys the template to the emulator and plays a morning through it: `deployed.py ENDPOINT BINARIES HANDOFF LOGS`.

Whoever plays says what is asked for and what was seen, and stops at the first thing that is not so, with the logs of
the functions beside it. What the emulator does otherwise than AWS is written down in tests/deployed.md.
"""
import base64
import datetime
import hashlib
import hmac
import io
import json
import os
import pathlib
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile

import boto3
from botocore.config import Config

from translate import translated

endpoint, binaries, handoff, logs = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4])
STACK, REGION = "handoff", "eu-west-2"
FUNCTIONS = ["intake", "router", "sweep", "relay", "courier", "metrics", "digest", "audit", "desk"]
# The emulator takes this one for its root; the functions' own credentials it makes of their roles.
ROOT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# The scheduler's word for the time it was due, which the emulator hands on as it is.
SCHEDULED = "<aws.scheduler.scheduled-time>"

TOKENS = {person: secrets.token_hex(20) for person in ("maya", "theo", "suki")}
# Of letters and digits, so that it can stand in an address.
SECRET = "whsec_" + base64.b64encode(secrets.token_hex(24).encode()).decode()

begun = time.monotonic()
plain = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def client(service):
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ROOT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ROOT["AWS_SECRET_ACCESS_KEY"], config=Config(proxies={}),
    )


def say(what, seen):
    print(f"{time.monotonic() - begun:5.0f} s  {what}: {seen}", flush=True)


def log_of(function):
    group = f"/aws/lambda/{STACK}-{function}"
    try:
        pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"].rstrip() for page in pages for event in page["events"]]
    except Exception as error:  # What went wrong before is what counts.
        return [f"(its log cannot be read: {error})"]


def miss(what, *functions):
    for function in functions or FUNCTIONS:
        lines = [line for line in log_of(function) if not line.startswith(("START ", "END ", "REPORT "))]
        print(f"--- {function}, its last lines of {len(lines)}", *lines[-15:], sep="\n", file=sys.stderr)
    sys.exit(f"Not so: {what}")


def require(so, what, *functions):
    if not so:
        miss(what, *functions)


def until(what, seconds, probe, *functions):
    """Asks until there is something, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := probe():
            return found
        time.sleep(0.5)
    miss(f"{what}, within {seconds} s", *functions)


# --- deploying


def code_of(function):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as into:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr, entry.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
        into.writestr(entry, (binaries / function).read_bytes())
    return archive.getvalue()


def emulated(template):
    """The translated template, less what the emulator cannot do: see tests/deployed.md."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Scheduler::Schedule":
            target = resource["Properties"]["Target"]
            said = json.loads(target["Input"])
            require(said.pop("time") == SCHEDULED, "a schedule says when it was due")
            target["Input"] = json.dumps(said)
    # It knows no alarms over sums of metrics, which the dashboard shows.
    sums = [name for name, one in template["Resources"].items() if "Metrics" in one.get("Properties", {})]
    require(len(sums) == 3, f"three alarms are over sums of metrics: {sums}")
    for name in (*sums, "Dashboard"):
        del template["Resources"][name]
    del template["Outputs"]["DashboardUrl"]
    # It knows no windows, and metrics reads nothing else: `Counting` below does what the mapping would.
    mapping = template["Resources"]["MetricsCommits"]["Properties"]
    require(mapping["TumblingWindowInSeconds"] == 60, "metrics asks for windows")
    mapping["Enabled"] = False
    return template


def deploy(digest_at):
    s3 = client("s3")
    s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    size = 0
    for function in FUNCTIONS:
        archive = code_of(function)
        size += len(archive)
        s3.put_object(Bucket="code", Key=f"{function}.zip", Body=archive)
    hashes = {person: hashlib.sha256(token.encode()).hexdigest() for person, token in TOKENS.items()}
    parameters = {
        "Architecture": "x86_64",
        "AlertEmail": "keeper@fennel.example",
        "DigestAt": digest_at,
        "TimeZone": "UTC",
        "DeskTokens": ",".join(f"{hash}={person}" for person, hash in hashes.items()),
    }
    template = emulated_template
    stacks = client("cloudformation")
    # It is longer than a request may be: as `sam deploy` does, by way of a bucket.
    s3.put_object(Bucket="code", Key="template.json", Body=json.dumps(template))
    stacks.create_stack(
        StackName=STACK, TemplateURL=f"{endpoint}/code/template.json", Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    stack = {"StackStatus": "CREATE_IN_PROGRESS"}
    while stack["StackStatus"].endswith("IN_PROGRESS"):
        time.sleep(0.3)
        stack = stacks.describe_stacks(StackName=STACK)["Stacks"][0]
    made = stacks.describe_stack_resources(StackName=STACK)["StackResources"]
    good = {resource["LogicalResourceId"] for resource in made if resource["ResourceStatus"] == "CREATE_COMPLETE"}
    missing = sorted(set(template["Resources"]) - good)
    require(stack["StackStatus"] == "CREATE_COMPLETE" and not missing, f"the stack is made: {stack}, {missing}")
    say("deployed", f"{len(good)} resources, {size / 2**20:.1f} MiB of functions, digest at {digest_at}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return outputs, {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in made}


# --- the gateway


def ask(method, path, body=None, headers=None):
    """Asks the gateway, as its own host."""
    data = None if body is None else body.encode()
    headers = {"host": GATEWAY, "content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(endpoint + path, data=data, method=method, headers=headers)
    try:
        answer = plain(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text


def desk(person, method, path, body=None):
    headers = {"authorization": f"Bearer {TOKENS[person]}"} if person else {}
    return ask(method, path, None if body is None else json.dumps(body), headers)


def read(path):
    status, document = desk("maya", "GET", path)
    require(status == 200, f"GET {path} is answered 200: {status} {document}", "desk")
    return document


def lead(number):
    return json.dumps({
        "type": "demo.requested",
        "timestamp": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "subject": {
                "crm": "hubspot", "object": "contact", "id": str(number), "name": f"Dana {number}",
                "email": f"dana{number}@acme.example", "company": "Acme", "country": "GB",
            },
            "fields": {"intent_signal": "Pricing page"},
        },
    })


def hook(body, message=None, secret=SECRET, source="website", at=None):
    """Posts a webhook, signed as Standard Webhooks are."""
    message, at = message or f"msg_{uuid.uuid4().hex}", int(at or time.time())
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{message}.{at}.{body}".encode(), hashlib.sha256).digest()
    signed = {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }
    return ask("POST", f"/hooks/{source}", body, signed)


def opened(answer):
    status, told = answer
    require(status == 200 and len(told["opened"]) == 1, f"a lead opens one handoff: {status} {told}", "intake")
    return told["opened"][0], told["receipt"]


# --- the topic


def listen(name, policy=None):
    """Subscribes a queue to the topic, with a filter policy or without."""
    sqs, sns = client("sqs"), client("sns")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
           "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": outputs["TopicArn"]}}}
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [may]})})
    sns.subscribe(TopicArn=outputs["TopicArn"], Protocol="sqs", Endpoint=arn, Attributes=policy or {})
    return {"url": url, "heard": []}


def heard(ear):
    """Everything a queue has heard so far."""
    sqs = client("sqs")
    while messages := sqs.receive_message(QueueUrl=ear["url"], MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            ear["heard"].append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=ear["url"], ReceiptHandle=message["ReceiptHandle"])
    return ear["heard"]


def said(ear, kind, about=""):
    """The first message of a kind that names somebody or something."""
    for message in heard(ear):
        attributes = message["MessageAttributes"]
        if json.loads(attributes["kind"]["Value"]) == [kind] and about in message["Message"]:
            return message
    return None


def to(message):
    return json.loads(message["MessageAttributes"]["to"]["Value"])


# --- the stream, for metrics


class Counting:
    """The mapping of metrics: reads the stream, filters as the template says, and invokes the function with a window.

    Each batch is handed over twice, as a stream may: what is counted must not change by it.
    """

    def __init__(self):
        mapping = emulated_template["Resources"]["MetricsCommits"]["Properties"]
        (one,) = mapping["FilterCriteria"]["Filters"]
        pattern = json.loads(one["Pattern"])
        (self.event,) = pattern["eventName"]
        self.prefix = pattern["dynamodb"]["Keys"]["sk"]["S"][0]["prefix"]
        self.batch = mapping["BatchSize"]
        self.stream = client("dynamodb").describe_table(TableName=outputs["TableName"])["Table"]["LatestStreamArn"]
        (shard,) = client("dynamodbstreams").describe_stream(StreamArn=self.stream)["StreamDescription"]["Shards"]
        self.shard, self.iterator, self.commits = shard["ShardId"], None, 0

    def go_on(self):
        streams = client("dynamodbstreams")
        if self.iterator is None:
            self.iterator = streams.get_shard_iterator(
                StreamArn=self.stream, ShardId=self.shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            read = streams.get_records(ShardIterator=self.iterator, Limit=self.batch)
            fits = lambda record: (
                record["eventName"] == self.event and record["dynamodb"]["Keys"]["sk"]["S"].startswith(self.prefix))
            records = [record | {"eventSourceARN": self.stream} for record in read["Records"] if fits(record)]
            if records:
                self.hand_over(records)
                self.commits += len(records)
            self.iterator = read["NextShardIterator"]
            if not read["Records"]:
                return

    def hand_over(self, records):
        now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
        event = {
            "Records": records,
            "window": {"start": now.isoformat(), "end": (now + datetime.timedelta(minutes=1)).isoformat()},
            "state": {}, "shardId": self.shard, "eventSourceARN": self.stream,
            "isFinalInvokeForWindow": False, "isWindowTerminatedEarly": False,
        }
        # Lambda hands times over in seconds and bytes in base64.
        plainly = lambda value: (
            value.timestamp() if isinstance(value, datetime.datetime) else base64.b64encode(value).decode())
        for _ in range(2):
            done = client("lambda").invoke(FunctionName=made["Metrics"], Payload=json.dumps(event, default=plainly))
            answer = json.loads(done["Payload"].read())
            require(
                "FunctionError" not in done and answer["batchItemFailures"] == [], f"a batch is counted: {answer}",
                "metrics")


# --- queues


def waiting(name):
    names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
    attributes = client("sqs").get_queue_attributes(QueueUrl=made[name], AttributeNames=names)["Attributes"]
    return sum(int(count) for count in attributes.values())


def queues(kind):
    return sorted(name for name in made if name.endswith(kind) and made[name].startswith("http"))


def command(*arguments):
    environment = {**os.environ, **ROOT, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": endpoint, "RUST_LOG": "warn"}
    done = subprocess.run([handoff, *arguments], env=environment, capture_output=True, text=True, timeout=120)
    said = (done.stdout + done.stderr).strip()
    require(done.returncode == 0, f"`handoff {arguments[0]}` succeeds: {said}")
    return said


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def minute_after(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at if at.second == 0 else at.replace(second=0) + datetime.timedelta(minutes=1)


# --- the play

emulated_template = emulated(translated(pathlib.Path("infra/aws/template.yaml").read_text(encoding="utf-8")))
digest_at = minute_after(120)
outputs, made = deploy(digest_at.strftime("%H:%M"))
GATEWAY = f"{made['Gateway']}.execute-api.localhost:{endpoint.rsplit(':', 1)[1]}"

# Nothing is configured yet.
status, told = hook(lead(1))
require(status == 503, f"a webhook before there is a configuration is answered 503: {status} {told}", "intake")
say("a webhook before there is a configuration", f"503, {told['detail']}")

vault = client("secretsmanager")
vault.create_secret(Name="handoff/website", SecretString=SECRET)
vault.create_secret(Name="handoff/links", SecretString=secrets.token_hex(32))
pushed = command("push", ".ci/deployed.toml", "--table", outputs["TableName"], "--topic", outputs["TopicArn"])
require("version 1, the first" in pushed and pushed.count("@fennel.example") == 3, f"it is stored: {pushed}")
say("handoff push", " ".join(pushed.split()))

# Maya's own subscription is by mail; a queue with her very filter hears what she would be sent.
sns = client("sns")
theirs = sns.list_subscriptions_by_topic(TopicArn=outputs["TopicArn"])["Subscriptions"]
mayas = next(one["SubscriptionArn"] for one in theirs if one["Endpoint"] == "maya@fennel.example")
attributes = sns.get_subscription_attributes(SubscriptionArn=mayas)["Attributes"]
policy = {name: attributes[name] for name in ("FilterPolicy", "FilterPolicyScope") if name in attributes}
everything, maya = listen("everything"), listen("maya", policy)
say("the topic", f"{len(theirs)} subscriptions by mail, and a queue with Maya's filter {policy['FilterPolicy']}")

# What the gateway sends where, and who is let in.
until("intake takes the configuration up", 45, lambda: hook(lead(1), secret="whsec_" + "c" * 32)[0] == 401, "intake")
refusals = {
    "a forged signature": (hook(lead(1), secret="whsec_" + "c" * 32), 401),
    "no signature": (ask("POST", "/hooks/website", lead(1)), 401),
    "a signature of an hour ago": (hook(lead(1), at=time.time() - 3600), 401),
    "an unknown source": (hook(lead(1), source="nobody"), 404),
    "GET of a hook": (ask("GET", "/hooks/website"), 405),
    "a hook with a wrong token": (ask("POST", "/hooks/website/nonsense", lead(1)), 401),
    "a hook that is too deep": (ask("POST", "/hooks/website/a/b", lead(1)), 401),
    "the desk without a token": (desk(None, "GET", "/api/queue"), 401),
    "the desk with an unknown token": (ask("GET", "/api/queue", headers={"authorization": "Bearer nobody"}), 401),
    "a desk address that is none": (desk("maya", "GET", "/api/nothing"), 404),
}
for what, ((status, told), wanted) in refusals.items():
    require(status == wanted, f"{what} is answered {wanted}: {status} {told}", "intake", "desk")
say("refused", ", ".join(f"{what} {wanted}" for what, (_, wanted) in refusals.items()))
require(read("/api/queue")["handoffs"] == [], "nothing of that opened anything")

# Webhook in, owner assigned; the same again is nothing new.
first = lead(1)
one, receipt = opened(hook(first, "msg_first"))
say("webhook in", f"200, handoff {one}")
status, told = hook(first, "msg_first")
require(
    (status, told["opened"], told["duplicates"]) == (200, [], 1), f"a replay opens nothing: {status} {told}", "intake")
say("the same webhook again", "200, a duplicate, nothing opened")


def owned(id):
    handoff = read(f"/api/handoffs/{id}")
    return handoff if handoff["owner"] else None


way = ("relay", "router")
first = until("the handoff has an owner", 60, lambda: owned(one), *way)
seconds = (moment(first["assigned_at"]) - moment(first["opened_at"])).total_seconds()
say("owner assigned", f"{first['owner']} of {first['pool']} by rule {first['rule']}, {seconds:.1f} s after it opened")

# A second one is answered in time, by whose turn it is now. It comes by the address with the token in it.
two, _ = opened(ask("POST", f"/hooks/website/{SECRET}", lead(2)))
second = until("the second one has an owner", 60, lambda: owned(two), *way)
require({first["owner"], second["owner"]} == {"theo", "suki"}, f"they take turns: {first['owner']}, {second['owner']}")
other = first["owner"]
status, told = desk(other, "POST", f"/api/handoffs/{two}/accept")
require(status == 409, f"who does not own it cannot accept it: {status} {told}", "desk")
for verb, body in (("accept", None), ("touch", {"channel": "phone"}), ("complete", {"outcome": "meeting_booked"})):
    status, told = desk(second["owner"], "POST", f"/api/handoffs/{two}/{verb}", body)
    require(status == 200, f"its owner can {verb}: {status} {told}", "desk")
say("a second lead", "by the address with a token; "
    f"{second['owner']} accepted, touched and completed; {other} may not: 409")

# The clock of the first one runs out.
reminded = until("the owner is reminded", 150, lambda: said(everything, "reminded", one), "sweep", "relay")
require(to(reminded) == [first["owner"]], f"the reminder is the owner's: {to(reminded)}")
say("reminder", f"to {to(reminded)[0]}: {reminded['Subject']}")
breached = until("Maya hears of the breach", 180, lambda: said(maya, "breached", one), "sweep", "relay")
clock = read(f"/api/handoffs/{one}")["clocks"][0]
steps = [entry["at"] for entry in read(f"/api/handoffs/{one}")["timeline"] if entry["actor"] == "sweep"]
late = (moment(steps[-1]) - moment(clock["due_at"])).total_seconds()
say("breach alerted", f"by Maya's filter: {breached['Subject']}; committed {late:.1f} s after the deadline")
require(not said(everything, "breached", two), "nobody hears of a breach of the second one")

# What can wait a minute is mailed by the courier. The sweep wakes it, or a commit that comes then.
mailed = until(
    "the courier mails the owner", 150, lambda: said(everything, "assigned", one), "courier", "sweep", "relay")
require(to(mailed) == [first["owner"]], f"the owner is told: {to(mailed)}")
say("mail by the courier", f"to {to(mailed)[0]}: {mailed['Subject']}")

digest = until("Maya hears the digest", 240, lambda: said(maya, "digest"), "digest")
say("digest published", f"by the schedule at {digest_at:%H:%M}, to {to(digest)[0]}: {digest['Subject']}")
strangers = [message["Subject"] for message in heard(maya) if "maya" not in to(message)]
require(not strangers, f"Maya's filter lets nothing else through: {strangers}")

# A receipt that comes back by the queue is settled already.
client("events").put_events(Entries=[{
    "Source": "handoff", "DetailType": "receipt.pending", "Detail": json.dumps({"receipt": receipt}),
    "EventBusName": outputs["BusName"],
}])
mappings = client("lambda").list_event_source_mappings(FunctionName=made["Intake"])["EventSourceMappings"]
require(len(mappings) == 1, "intake has one queue")


def came_back():
    mapping = client("lambda").get_event_source_mapping(UUID=mappings[0]["UUID"])
    return mapping.get("LastProcessingResult", "").startswith("OK - 1 records") and not waiting("IntakeQueue")


until("a receipt that is pending goes back to intake", 30, came_back, "intake")
say("a pending receipt", "went by the bus and the queue to intake, which found it settled")

# Numbers, and whether they are what the histories say.
wanted = {"opened": 2, "received": 2, "touched": 1, "completed": 1, "success": 1, "met": 1, "breached": 1}


counting = Counting()


def numbers():
    counting.go_on()
    total = read("/api/metrics")["total"]
    return total if all(total[name] == count for name, count in wanted.items()) else None


total = until(f"the numbers are {wanted}", 60, numbers, "metrics")
say("numbers", ", ".join(f"{name} {total[name]}" for name in wanted) +
    f", of {counting.commits} commits counted twice")

# The nightly audit by the schedule, brought forward; what it would say tomorrow about today, the command says now.
schedules = client("scheduler")
# A schedule's id may name its group.
timer = {"GroupName": made["Schedules"].rsplit("/", 1)[-1], "Name": made["AuditTimer"].rsplit("|", 1)[-1].rsplit("/", 1)[-1]}
schedule = schedules.get_schedule(**timer)
at = minute_after(15)
schedules.update_schedule(
    **timer, ScheduleExpression=f"cron({at.minute} {at.hour} * * ? *)",
    FlexibleTimeWindow=schedule["FlexibleTimeWindow"], Target=schedule["Target"],
)


def beats():
    health = read("/api/health")
    return health if {"sweep", "digest", "audit"} <= set(health["beats"]) else None


health = until("all three give their beats", 150, beats, "audit", "sweep", "digest")
require(
    health["ok"] and health["oldest_overdue"] is None and health["quarantine"] == 0, f"all is well: {health}", "sweep")
say("health", f"ok, beats of {', '.join(sorted(health['beats']))}, nothing overdue, nothing in quarantine")
audited = [line for line in log_of("audit") if '"audited"' in line]
require(audited, "the audit says what it read", "audit")


def settled():
    report = json.loads(command("audit", "--table", outputs["TableName"], "--json"))["report"]
    return None if report["moving"] else report


report = until("the numbers of today have settled", 200, settled)
require(report["handoffs"] == 2 and report["findings"] == [], f"the audit finds nothing: {report}")
say("handoff audit", f"{report['handoffs']} handoffs, {report['commits']} commits, {report['counters']} counters, "
    f"{report['reps']} reps: as the histories say")

# Nothing was given up or is left, and no function logged an error but the one asked for.
until("every queue is empty", 150, lambda: not any(waiting(name) for name in queues("Queue")), "courier", "router")
dead = {name: waiting(name) for name in queues("Dead")}
require(len(dead) == 6 and not any(dead.values()), f"there is no dead letter: {dead}")
lines = {function: log_of(function) for function in FUNCTIONS}
errors = [line for function in FUNCTIONS for line in lines[function] if '"level":"ERROR"' in line]
require(
    len(errors) == 1 and "nothing could be stored" in errors[0], f"one error is logged, before the push: {errors}")
personal = [line for function in FUNCTIONS for line in lines[function] if "Dana" in line or "acme.example" in line]
require(not personal, f"no log names a lead: {personal[:3]}")
runs = {function: sum(line.startswith("REPORT ") for line in lines[function]) for function in FUNCTIONS}
require(all(runs.values()), f"every function ran: {runs}")
say("runs", ", ".join(f"{function} {count}" for function, count in runs.items()))
say("dead letters", f"none in {len(dead)} queues; one error logged, the one before the push; no lead named in any log")

# The roles bite: without one action of its role intake cannot store.
iam = client("iam")
policy = iam.get_role_policy(RoleName=made["IntakeRole"], PolicyName="intake")["PolicyDocument"]
less = json.loads(json.dumps(policy).replace('"dynamodb:PutItem", ', ""))
require(less != policy, "intake's role has dynamodb:PutItem")
iam.put_role_policy(RoleName=made["IntakeRole"], PolicyName="intake", PolicyDocument=json.dumps(less))
status, told = hook(lead(3), "msg_third")
require(status == 503, f"a role without dynamodb:PutItem stores nothing: {status} {told}", "intake")
iam.put_role_policy(RoleName=made["IntakeRole"], PolicyName="intake", PolicyDocument=json.dumps(policy))
three, _ = opened(hook(lead(3), "msg_third"))
say("intake's role", "without dynamodb:PutItem 503, with it 200 for the same webhook")
until("the third one has an owner", 60, lambda: owned(three), *way)

# A message nobody can read, in one batch with one that can be: that one is done, the other dies after five tries.
sqs = client("sqs")
sqs.set_queue_attributes(QueueUrl=made["RouterQueue"], Attributes={"VisibilityTimeout": "1"})
good = json.dumps({"source": "handoff", "detail-type": "handoff.waiting", "detail": {"handoff": three}})
sent = sqs.send_message_batch(QueueUrl=made["RouterQueue"], Entries=[
    {"Id": "poison", "MessageBody": "nonsense"}, {"Id": "good", "MessageBody": good}])
require(len(sent["Successful"]) == 2, "both are sent")
until("what nobody can read is a dead letter", 60, lambda: waiting("RouterDead"), "router")
require(not waiting("RouterQueue"), "nothing else is left", "router")
letters = sqs.receive_message(QueueUrl=made["RouterDead"], MaxNumberOfMessages=10)["Messages"]
require([letter["Body"] for letter in letters] == ["nonsense"], f"only that one is dead: {letters}")
say("a poisoned message", "dead after five tries, alone; what came with it is done")
kept = [f"{function} {line}" for function in FUNCTIONS for line in log_of(function)]
logs.write_text("\n".join(kept) + "\n", encoding="utf-8")
print("The play is over: everything was so.")
