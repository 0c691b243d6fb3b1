"""What the checks have in common that stage connections of their own on this host."""
import os
import shutil
import subprocess
import sys

SKIP = 77
INSIDE = "LASTACK_CHECK_INSIDE"


def skip(why):
    print(f"{why}: skipped")
    sys.exit(SKIP)


def enter(*programs, few_processes=False):
    """Starts this script anew in a network and process namespace of its own, with loopback up, and returns there. Ends
    with SKIP where that cannot be, or one of these programs is missing. Without `few_processes`, a network namespace is
    enough: it only takes longer where other processes have many descriptors."""
    if os.geteuid():
        skip("needs root")
    for program in ("unshare", "ip", *programs):
        if not shutil.which(program):
            skip(f"needs {program}")
    if INSIDE not in os.environ:
        spaces = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*spaces, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            if few_processes:
                skip("needs namespaces of network and processes")
            spaces = ["unshare", "--net"]
        os.environ[INSIDE] = "1"
        os.execvp("unshare", [*spaces, sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
