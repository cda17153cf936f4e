// @ts-check
/**
 * The shapes that the REST interface and the live link speak, as the contract names them.
 * Times are RFC 3339 in UTC, durations seconds, sizes bytes, rates per second.
 */

/**
 * @typedef {"stopped"|"starting"|"running"|"suspended"|"draining"|"stopping"|"backoff"|"failed"}
 *   State
 */

/** @typedef {{in: number, out: number}} Traffic */

/** @typedef {{type: string, message: string, traceback?: string|null}} Failure */

/**
 * @typedef {object} Rates
 * @property {number} connections
 * @property {number} bytes_in
 * @property {number} bytes_out
 * @property {number} messages_in
 * @property {number} messages_out
 */

/**
 * @typedef {object} Status
 * @property {State} state
 * @property {string} since
 * @property {string|null} address  as bound
 * @property {"thread"|"process"} host
 * @property {number[]} pids
 * @property {number} threads
 * @property {number} generation
 * @property {number} restarts
 * @property {string[]} pending_changes
 * @property {Failure|null} last_error
 * @property {{open: number, total: number, rejected: number, waiting: {backlog: number|null, backlog_limit?: number|null, queue: number}}} connections
 * @property {Traffic} bytes
 * @property {Traffic} messages
 * @property {number} errors
 * @property {Record<string, number>} closed
 * @property {Record<string, Rates>} rates
 * @property {{p50: number|null, p95: number|null, p99: number|null, latest: {second: number, p50: number, p95: number, p99: number}|null}} handling
 * @property {{level: string, effective: string, since: string, why: string}} capture
 */

/**
 * @typedef {object} Definition
 * @property {string} name
 * @property {string} description
 * @property {Record<string, string>} labels
 * @property {string} address
 * @property {"sync"|"threading"|"forking"|"pool"} concurrency
 * @property {number} pool_size
 * @property {string|null} handler
 * @property {Record<string, any>} options
 * @property {number|null} requests
 * @property {"thread"|"process"} host
 * @property {boolean} affinity
 * @property {boolean} autostart
 * @property {{policy: string, delay: number, maximum_delay: number, attempts: number|null}} restart
 * @property {number} drain_timeout
 * @property {{backlog: number, max_datagram: number}} limits
 * @property {{level: string, bytes: number}} capture
 */

/** @typedef {Definition & {status: Status}} Service */

/** @typedef {{pid: number, uid: number, gid: number, user?: string|null, process?: string|null}} PeerCredentials */

/**
 * What the kernel says of a live TCP connection.
 * @typedef {object} Kernel
 * @property {number} rtt
 * @property {number} rtt_variance
 * @property {number} retransmits
 * @property {number} send_queue
 * @property {number} receive_queue
 * @property {number} congestion_window  segments
 */

/**
 * @typedef {object} Connection
 * @property {number} id
 * @property {string} service
 * @property {string} transport
 * @property {"open"|"closed"} state
 * @property {string|null} peer
 * @property {string|null} local
 * @property {string} opened_at
 * @property {string|null} closed_at
 * @property {number} duration
 * @property {string} last_activity
 * @property {number|null} idle
 * @property {Traffic} bytes
 * @property {Traffic} messages
 * @property {string|null} close_reason
 * @property {Failure|null} error
 * @property {PeerCredentials|null} [peer_credentials]
 * @property {Kernel|null} [kernel]
 * @property {"tap"|"kernel"} [counted_by]
 * @property {Record<string, any>|null} [tls]
 * @property {number|null} [pid]
 * @property {string|null} [thread]
 * @property {number|null} [waited]  seconds for a thread of its pool, so far where it still does
 * @property {number} [generation]
 */

/**
 * @typedef {object} DeckEvent
 * @property {number} seq
 * @property {string} time
 * @property {string|null} service
 * @property {number|null} connection
 * @property {string} kind
 * @property {Record<string, any>} data
 */

/**
 * @typedef {object} Frame
 * @property {string} topic
 * @property {string} [name]
 * @property {number} [id]
 * @property {string} [filter]  as it was subscribed to, where it was one
 * @property {number} seq_from
 * @property {number} seq_to
 * @property {DeckEvent[]} events
 * @property {{count: number}} [folded]
 * @property {any} [status]
 */

/**
 * @typedef {object} Handler
 * @property {string} name
 * @property {string} title
 * @property {string} description
 * @property {string[]} transports
 * @property {Schema|null} [options_schema]  null: any options, as class attributes
 * @property {"builtin"|"entry_point"|"file"} source
 * @property {boolean} [shares_state]  whether its clients meet in memory, so that forking is refused
 */

/**
 * @typedef {{file: string, line: number, function: string|null, code: string|null, own: boolean}}
 *   ExceptionPlace
 */

/**
 * What was raised at one place of one service, however often.
 * @typedef {object} ExceptionGroup
 * @property {string} id
 * @property {string} service
 * @property {string} type
 * @property {string} message
 * @property {string|null} traceback
 * @property {ExceptionPlace|null} place
 * @property {{type: string, place: ExceptionPlace}|null} cause
 * @property {number} count
 * @property {string} first_seen
 * @property {string} last_seen
 * @property {number[]} activity  by half-hours of a day, the one that goes on last
 * @property {string|null} last_bytes  base64
 * @property {string|null} last_bytes_note
 * @property {number[]} connections  the newest, newest first
 * @property {(string|null)[]} peers  of them
 */

/** @typedef {Record<string, any>} Schema  a JSON Schema, draft 2020-12, as pydantic writes it */

/**
 * `position` and `length`, in characters, say where in the text of a filter something is wrong.
 * @typedef {{pointer: string, detail: string, position?: number, length?: number}} FieldError
 */

export {};
