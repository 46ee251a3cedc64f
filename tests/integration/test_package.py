"""What the binary needs of the system that it is installed on."""

import os
import re
import shlex
import shutil
import subprocess
import unittest

from puna import BINARY, SOURCE, Server

# Those whose names are the same in Debian 12, Debian 13 and Ubuntu 24.04, and prometheus-cpp, which the package brings along.
LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libssl.so.3", "libcrypto.so.3", "libcurl.so.4",
             "libedit.so.2", "libsqlite3.so.0", "libz.so.1", "libbrotlidec.so.1", "libzstd.so.1"}


@unittest.skipUnless(shutil.which("readelf"), "skipped: there is no readelf")
class Libraries(unittest.TestCase):
    def test_none_has_another_name_in_the_next_release(self):
        told = subprocess.run(["readelf", "-d", BINARY], capture_output=True, text=True, check=True).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", told))
        self.assertIn("libcurl.so.4", needed)
        others = {name for name in needed - LIBRARIES if not name.startswith(("ld-linux", "libprometheus-cpp-core"))}
        self.assertEqual(others, set())


class Unit(unittest.TestCase):
    def test_what_it_runs_is_there_on_a_bare_system_and_does_what_it_says(self):
        with open(os.path.join(SOURCE, "docker", "puna.service"), encoding="ascii") as file:
            commands = dict(re.findall(r"(?m)^(Exec\w+)=(.*)$", file.read()))
        self.assertEqual(commands["ExecStart"], "/usr/bin/puna serve")
        self.assertTrue(commands["ExecReload"].startswith("/bin/sh "), "kill is in a package that minimal systems lack")
        with Server() as server:
            subprocess.run(shlex.split(commands["ExecReload"].replace("$MAINPID", str(server.process.pid))), check=True)
            server.wait_for_log("read again: ")


if __name__ == "__main__":
    unittest.main()
