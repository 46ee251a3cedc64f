"""Starts that fail for want of rights or of what the system gives: the one line that is left says what and why."""

import os
import resource
import shutil
import subprocess
import unittest

from puna import BINARY, HANG_SECONDS, RUNNER, TemporaryFolder, clean_environment, run


def last_words(result):
    return [line for line in result.stderr.splitlines() if line.startswith("puna: ")][-1]


class Start(TemporaryFolder):
    def test_files_that_cannot_be_read_are_named_with_the_reason(self):
        absent, empty = os.path.join(self.folder, "absent"), self.write("empty", "")
        key = self.write("key", "no key")
        for arguments, words in (
                (("--tls-cert-file", absent, "--tls-key-file", key),
                 f"tls_cert_file: cannot read {absent} (No such file or directory)"),
                (("--tls-cert-file", key, "--tls-key-file", self.folder),
                 f"tls_key_file: cannot read {self.folder} (Is a directory)"),
                (("--tls-cert-file", key, "--tls-key-file", key), "both must be PEM files"),
                (("--chat-template-file", self.folder), f"chat_template_file: cannot read {self.folder}"),
                (("--chat-template-file", empty), f"chat_template_file: {empty} is empty"),
                (("--api-key-file", self.folder), f"api_key_file: {self.folder} is a folder, not a file")):
            with self.subTest(arguments=arguments):
                result = run("serve", "--port", "0", *arguments)
                self.assertIn(result.returncode, (1, 2))
                self.assertIn(words, last_words(result))

    def as_nobody(self, *arguments, processes=None):
        """What is said to a user who may do little; skipped where there is no such user."""
        if os.getuid() != 0:
            self.skipTest("skipped: only root can be somebody else")

        def give_up():
            if processes is not None:
                resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        os.chmod(self.folder, 0o755)
        binary = shutil.copy(BINARY, self.folder)
        command = [*RUNNER, binary, "serve", "--port", "0", *arguments]
        result = subprocess.run(command, env=clean_environment({"HOME": "/nonexistent"}), capture_output=True, text=True,
                                timeout=HANG_SECONDS, check=False, preexec_fn=give_up, cwd="/")
        self.assertEqual(result.returncode, 1, result.stderr)
        return last_words(result)

    def test_what_the_user_may_not_read_is_no_empty_folder(self):
        model = os.path.join(self.folder, "model")
        os.mkdir(model)
        self.write("model/config.json", "{}")
        os.chmod(model, 0o700)
        self.assertIn(f"{model}: expected a folder that can be read, found Permission denied", self.as_nobody("--model", model))
        self.assertIn("found Permission denied", self.as_nobody("--model", f"{model}/inner"))

    def test_no_threads(self):
        self.assertIn("raise the limit of processes (ulimit -u, pids.max)", self.as_nobody(processes=1))


if __name__ == "__main__":
    unittest.main()
