"""A real S3 endpoint for tests: ``rclone serve s3`` over a folder, and the proxy before it."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.objects.s3_proxy import S3Proxy

KEY, SECRET = "AKIATESTTESTTESTTEST", "SECRETSECRETSECRETSECRETSECRETSECRETSECR"
BUCKET: Final = "bank"
RCLONE: Final = Path(sys.executable).parent / "rclone"


@contextmanager
def s3_endpoint(folder: Path) -> Iterator[int]:
    """Serve the folders in *folder* as buckets, one called ``bank`` among them; hand out the port."""
    (folder / BUCKET).mkdir(parents=True)
    command = [str(RCLONE), "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", f"{KEY},{SECRET}", str(folder)]
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "RCLONE_CONFIG": "/dev/null"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            found = next(filter(None, (re.search(r"http://127\.0\.0\.1:(\d+)", line) for line in lines)), None)
            assert found is not None, "rclone has ended before it listened"
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop it
            yield int(found[1])
        finally:
            process.kill()


@contextmanager
def s3_proxy(folder: Path) -> Iterator[S3Proxy]:
    """Serve *folder* as `s3_endpoint` does, through a proxy that can fail."""
    with s3_endpoint(folder) as port:
        proxy = S3Proxy(port)
        try:
            yield proxy
        finally:
            proxy.close()


def s3_variables(port: int) -> Mapping[str, str]:
    """Return what the environment of a process needs to reach the endpoint, or the proxy, at *port*."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
