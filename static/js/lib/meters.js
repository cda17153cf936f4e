// @ts-check
/**
 * The last minute of every service and of all together, sampled each second, kept from page to
 * page.
 */

import { Meter } from "./series.js";
import { carried } from "./memory.js";

/** @import { Service } from "../types.js" */

const KEPT_SERVICES = 100;
const COUNTERS = ["connections", "in", "out", "errors"];

/** @param {Service} service @returns {Record<string, number>} */
export function countersOf({ status }) {
  return {
    connections: status.connections.total,
    in: status.bytes.in,
    out: status.bytes.out,
    errors: status.errors,
    open: status.connections.open,
    p99: status.handling.p99 ?? Number.NaN,
  };
}

export const serviceMeter = () => new Meter(COUNTERS, ["open", "p99"]);

export class DeckMeters {
  constructor() {
    /** @type {Map<string, Meter>} */
    this.services = new Map();
    this.total = new Meter(["connections", "in", "out", "events"], ["open", "running", "failed"]);
    /**
     * All that was ever counted, whether its service is still there or not.
     * @type {Record<string, number>}
     */
    this.sums = { connections: 0, in: 0, out: 0 };
    this.sampled = false;
  }

  /** @param {string} name */
  of(name) {
    let meter = this.services.get(name);
    if (!meter) {
      meter = serviceMeter();
      this.services.set(name, meter);
    }
    return meter;
  }

  /**
   * @param {number} now seconds
   * @param {Service[]} services
   * @param {number} seq the last event's
   */
  sample(now, services, seq) {
    let open = 0;
    let running = 0;
    let failed = 0;
    for (const service of services) {
      const counters = countersOf(service);
      const meter = this.of(service.name);
      for (const key of Object.keys(this.sums)) {
        const value = counters[key] ?? 0;
        // A service that came since the last sample has counted all it has in that time.
        const before = meter.before?.[key] ?? (this.sampled ? 0 : value);
        this.sums[key] = (this.sums[key] ?? 0) + (value >= before ? value - before : value);
      }
      meter.sample(now, counters);
      open += service.status.connections.open;
      if (service.status.state === "running" || service.status.state === "suspended") running += 1;
      if (service.status.state === "failed" || service.status.state === "backoff") failed += 1;
    }
    const names = new Set(services.map((service) => service.name));
    for (const name of this.services.keys()) if (!names.has(name)) this.services.delete(name);
    this.total.sample(now, { ...this.sums, events: seq, open, running, failed });
    this.sampled = true;
  }

  save() {
    const services = [...this.services]
      .slice(0, KEPT_SERVICES)
      .map(([name, meter]) => [name, meter.snapshot()]);
    carried.set("meters", {
      sums: this.sums,
      total: this.total.snapshot(),
      services: Object.fromEntries(services),
    });
  }

  /** Go on where the last page left off. */
  static carriedOn() {
    const meters = new DeckMeters();
    const saved = carried.get("meters", null);
    if (!saved?.total || Date.now() / 1000 - saved.total.at > 600) return meters;
    meters.sums = saved.sums;
    meters.total.restore(saved.total);
    for (const [name, snapshot] of Object.entries(saved.services))
      meters.of(name).restore(/** @type {any} */ (snapshot));
    meters.sampled = true;
    return meters;
  }
}
