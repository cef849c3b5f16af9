/** Numbers of TLS 1.2, under one name each. */

/** Milliseconds that a client keeps a session whose server does not say how long (RFC 5246 appendix F.1.4). */
export const sessionLifetime = 24 * 3600 * 1000
