/** The name of a database that is migrated once for a whole run of tests, and copied for each of them that needs no empty one. */
export const TEMPLATE = "FLOWFORGE_TEST_TEMPLATE";

/** The queue prefix whose tables the template has. */
export const TEMPLATE_PREFIX = "fft";
