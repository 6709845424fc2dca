/**
 * Certificates for a test, created by openssl: an authority and the certificates that it signs.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** PEM of a certificate and of its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority. */
export interface Authority {
  readonly ca: string;
  /** Signs a certificate for a name and for 127.0.0.1. */
  readonly certify: (name: string) => Certificate;
}

/** Creates an authority. Its files go into `folder`. */
export function createAuthority(folder: string, name: string): Authority {
  const run = (...words: string[]) => execFileSync("openssl", words, { cwd: folder, stdio: "ignore" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  const files = (of: string) => ["-keyout", `${of}.key`, "-out", `${of}.pem`];
  run("req", "-x509", ...newKey, "-days", "2", "-subj", `/CN=${name}`, ...files(name));
  return {
    ca: read(`${name}.pem`),
    certify: (subject) => {
      const signed = ["-CA", `${name}.pem`, "-CAkey", `${name}.key`];
      const names = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
      ];
      run(
        "req",
        "-x509",
        ...newKey,
        "-days",
        "1",
        "-subj",
        `/CN=${subject}`,
        ...names,
        ...signed,
        ...files(subject),
      );
      return { certificate: read(`${subject}.pem`), key: read(`${subject}.key`) };
    },
  };
}
