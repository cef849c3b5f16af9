/** Numbers that bound resumption and early data, under one name each. Sections are RFC 9846's. */

/** Tickets of one connection that a client keeps (section 4.7.1); further ones are heard and let go. */
export const maxTickets = 16

/**
 * Bytes of a ticket: it goes back inside a ClientHello, which has other things to say, and 2^16-1 is the limit of both.
 * A client keeps no longer one, and a server sends none.
 */
export const maxTicket = 2 ** 15

/** PSKs of one ClientHello that a server looks up (section 4.3.11); what stands behind them is not looked at. */
export const maxIdentities = 4

/** Bytes of records that a server passes over when it takes no early data and has promised none (section 4.3.10). */
export const maxSkipped = 2 ** 14

/** Milliseconds by which the age of a ticket, and the clocks of two servers, may be off (section 8.3). */
export const freshness = 10_000
