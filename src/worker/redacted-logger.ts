/** A logger for an action that has got to know secrets: its lines are without them. */
import type { Logger } from "../core/ports/logger.ts";
import type { Secrets } from "../security/redaction.ts";

export function redacted(logger: Logger, secrets: Secrets): Logger {
  const clean = (fields: object): object => secrets.loose(fields) as object;
  return {
    debug: (fields, message) => logger.debug(clean(fields), secrets.text(message)),
    info: (fields, message) => logger.info(clean(fields), secrets.text(message)),
    warn: (fields, message) => logger.warn(clean(fields), secrets.text(message)),
    error: (fields, message) => logger.error(clean(fields), secrets.text(message)),
  };
}
