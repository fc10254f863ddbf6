"""A stand-in for EMR Serverless and CloudWatch Logs; the real clients of AWS call it over HTTP.

It runs the uploaded script and packages with the environment that the parameters name; a folder holds the objects of
s3://. Only AWS can show that Spark runs on EMR, EMRFS resolves paths, IAM allows the calls, and workers start.
"""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, decode_param, encode_param

from vieweratlas_assets.storage.local import LocalStore

S3_ROOT = "s3://lake"
AGE = {"arn": "arn:aws:emr", "createdAt": 1_790_000_000, "updatedAt": 1_790_000_000, "releaseLabel": "emr-7.9.0"}
JOB_RUN: dict[str, Any] = {"applicationId": "00fabc", "jobRunId": "00job1", "arn": "arn:aws:emr:job"}
DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."


class S3Folder(LocalStore):
    """A folder whose URIs name a bucket."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = S3_ROOT

    def upload_bytes(self, key: str, data: bytes) -> str:
        super().upload_bytes(key, data)
        return self.uri(key)


class EmrServer:
    """The application 00fabc, which runs one job at a time.

    Attributes:
        requests: bodies of StartJobRun.
        refusal: message with which StartJobRun is refused (status 403); empty to accept it.
        spark_parameters: parameters of spark-submit with which jobs run on this machine.
    """

    def __init__(self, folder: Path, logs: Path, spark_parameters: str) -> None:
        self.folder = folder
        self._logs = logs
        self.spark_parameters = spark_parameters
        self.requests: list[dict[str, Any]] = []
        self.refusal = ""
        self._process: subprocess.Popen[bytes] | None = None

    def answer(self, method: str, path: str, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one call with a status and a body."""
        answer: dict[str, Any]
        match method, path.strip("/").split("/"), target.rpartition(".")[2]:
            case "POST", ["applications", "00fabc", "jobruns"], _:
                if self.refusal:
                    return 403, {"__type": "AccessDeniedException", "message": self.refusal}
                self._start(body)
                answer = JOB_RUN
            case "GET", ["applications", "00fabc", "jobruns", "00job1"], _:
                answer = {"jobRun": self._job_run()}
            case "GET", ["applications", "00fabc", "jobruns", "00job1", "dashboard"], _:
                answer = {"url": "https://dashboard.invalid/"}
            case "GET", ["applications", "00fabc"], _:
                answer = {"application": {**AGE, "applicationId": "00fabc", "type": "Spark", "state": "STARTED"}}
            case "POST", [""], "DescribeLogStreams":
                assert body["logGroupName"] == "/aws/emr-serverless"
                assert body["logStreamNamePrefix"].startswith("/applications/00fabc/jobs/00job1/SPARK_DRIVER")
                answer = {"logStreams": [{"logStreamName": body["logStreamNamePrefix"]}]}
            case "POST", [""], "GetLogEvents":
                new = "nextToken" not in body and body["logStreamName"].endswith("/stdout")
                lines = self._log("stdout").splitlines() if new else []
                events = [{"message": line} for line in lines]
                answer = {"events": events, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}
            case _:
                return 404, {"__type": "ResourceNotFoundException", "message": f"{method} {path} {target}"}
        return 200, answer

    def _job_run(self) -> dict[str, Any]:
        """The state of the job."""
        assert self._process is not None
        code = self._process.poll()
        state = "RUNNING" if code is None else "FAILED" if code else "SUCCESS"
        details = f"Job failed, please check complete logs. ExitCode: {code}. {self._log('stderr')[-300:]}"
        request = self.requests[-1]
        return {
            **AGE,
            **JOB_RUN,
            "state": state,
            "stateDetails": details if state == "FAILED" else "",
            "attempt": 1,
            "createdBy": "arn:aws:iam::123456789012:user/test",
            "executionRole": request["executionRoleArn"],
            "jobDriver": request["jobDriver"],
            "configurationOverrides": request["configurationOverrides"],
        }

    def _start(self, body: dict[str, Any]) -> None:
        self.requests.append(body)
        submit = body["jobDriver"]["sparkSubmit"]
        words = shlex.split(submit["sparkSubmitParameters"])
        options = list(zip(words[::2], words[1::2], strict=True))
        driver = {
            name.removeprefix(DRIVER_ENVIRONMENT): value
            for option, setting in options
            for name, _, value in [setting.partition("=")]
            if option == "--conf" and name.startswith(DRIVER_ENVIRONMENT)
        }
        context = json.dumps(decode_param(driver[DAGSTER_PIPES_CONTEXT_ENV_VAR]))
        local = context.replace(f"{S3_ROOT}/", f"file://{self.folder}/")
        driver[DAGSTER_PIPES_CONTEXT_ENV_VAR] = encode_param(json.loads(local))
        environment = {
            **os.environ,
            **driver,
            "PYTHONPATH": str(self._file(dict(options)["--py-files"])),
            "PYSPARK_SUBMIT_ARGS": f"{self.spark_parameters} pyspark-shell",
        }
        command = [sys.executable, str(self._file(submit["entryPoint"]))]
        with (self._logs / "stdout").open("wb") as stdout, (self._logs / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr)

    def stop(self) -> None:
        """Kill a job that is still running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _log(self, name: str) -> str:
        return (self._logs / name).read_text()

    def _file(self, uri: str) -> Path:
        assert uri.startswith(f"{S3_ROOT}/")
        return self.folder / uri.removeprefix(f"{S3_ROOT}/")


@contextmanager
def serving(server: EmrServer) -> Iterator[str]:
    """Serve on a free port of this machine, and yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            target = self.headers.get("X-Amz-Target", "")
            status, answer = server.answer(self.command, self.path.partition("?")[0], target, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _handle

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            server.stop()
            http.shutdown()
            thread.join()
