"""nginx with two workers, under connections that are kept alive and connections that are not."""
import os
import shutil
import subprocess
import tempfile
import time

from zoo import child, forever, ready, skip, until

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
CONFIG = """
daemon off; worker_processes 2; pid nginx.pid; error_log stderr crit; user root;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
    scgi_temp_path t5;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello\\n"; }} }} }}
"""
if not NGINX or not shutil.which("curl"):
    skip("nginx (nginx-light) or curl is missing")

port = 8080
folder = tempfile.mkdtemp(prefix="zoo-", dir=os.environ.get("ZOO_TEMPORARY"))
with open(os.path.join(folder, "nginx.conf"), "w") as file:
    file.write(CONFIG.format(port=port))
child(lambda: os.execv(NGINX, [NGINX, "-e", "stderr", "-p", folder, "-c", "nginx.conf"]))
url = f"http://127.0.0.1:{port}/"


def ask():
    while True:
        subprocess.run(["curl", "-s", "-o", "/dev/null", *[url] * 20])
        subprocess.run(["curl", "-s", "-o", "/dev/null", "-H", "Connection: close", url])
        time.sleep(0.05)


until(lambda: subprocess.run(["curl", "-s", "-o", "/dev/null", url]).returncode == 0)
child(ask)
ready(None)
forever()
