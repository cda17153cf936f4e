// @ts-check
/** The services a page shows: a signal each, so that one that changes redraws one row. */

import { batch, signal } from "@preact/signals";

/** @import { Service, Status } from "../types.js" */
/** @import { Signal } from "@preact/signals" */

export class Deck {
  /** @param {Service[]} services */
  constructor(services) {
    /** @type {Map<string, Signal<Service>>} */
    this.services = new Map();
    /** The names, in order; a new array where one came or went. @type {Signal<string[]>} */
    this.names = signal([]);
    /** Grows with every change of anything. */
    this.version = signal(0);
    this.replace(services);
  }

  /** All there is: what is not among them is gone. @param {Service[]} services */
  replace(services) {
    batch(() => {
      const names = services.map((service) => service.name).sort();
      for (const known of this.services.keys())
        if (!names.includes(known)) this.services.delete(known);
      for (const service of services) this.put(service);
      if (names.join() !== this.names.value.join()) this.names.value = names;
    });
  }

  /** @param {Service} service */
  put(service) {
    batch(() => {
      const known = this.services.get(service.name);
      if (known) known.value = service;
      else {
        this.services.set(service.name, signal(service));
        this.names.value = [...this.services.keys()].sort();
      }
      this.version.value += 1;
    });
  }

  /** A status for a service that is known. @param {string} name @param {Status} status */
  status(name, status) {
    const known = this.services.get(name);
    if (known) this.put({ ...known.value, status });
  }

  /** @param {string} name */
  drop(name) {
    batch(() => {
      if (!this.services.delete(name)) return;
      this.names.value = [...this.services.keys()].sort();
      this.version.value += 1;
    });
  }

  /** @returns {Service[]} */
  all() {
    return this.names.value.map(
      (name) => /** @type {Signal<Service>} */ (this.services.get(name)).value,
    );
  }

  /** @param {string} name @returns {Service|undefined} */
  get(name) {
    return this.services.get(name)?.value;
  }
}
