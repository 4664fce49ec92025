// Everybody who may log in, for admins: added, changed, sent out, removed.

import { ask, confirmed } from "/assets/api.js";
import { since } from "/assets/format.js";

const ROLES = { viewer: "looks", operator: "also commands and edits settings", admin: "also manages users and stored data" };

const template = `
  <section class="panel users" data-test="users">
    <h2>Users</h2>
    <p class="soft"><span v-for="(what, role) in roles" :key="role"><b>{{ role }}</b> {{ what }}. </span></p>
    <form class="line" @submit.prevent="add">
      <label>User name<input v-model="draft.username" maxlength="50" autocomplete="off" autocapitalize="none" required></label>
      <label>Role<select v-model="draft.role"><option v-for="(_, role) in roles" :key="role">{{ role }}</option></select></label>
      <label>First password<input v-model="draft.password" type="password" autocomplete="new-password" placeholder="none"></label>
      <label>Or subject at the provider<input v-model="draft.identity_sub" autocomplete="off" placeholder="none"></label>
      <button class="primary" :disabled="isBusy">Add user</button>
    </form>
    <p v-if="problem" class="problem" role="alert">{{ problem }}</p>
    <p v-if="done" class="done" role="status">{{ done }}</p>
    <table v-if="users">
      <thead><tr><th scope="col">User</th><th scope="col">Role</th><th scope="col">Comes in by</th><th scope="col">Last login</th>
        <th scope="col">Active</th><td></td></tr></thead>
      <tbody>
        <tr v-for="user in users" :key="user.id" :class="{ off: !user.is_active }">
          <th scope="row">{{ user.username }}<small v-if="user.display_name">{{ user.display_name }}</small>
            <small v-if="user.id === me.user.id">you</small></th>
          <td data-label="Role"><select :value="user.role" :aria-label="'Role of ' + user.username" @change="promote(user, $event.target)">
            <option v-for="(_, role) in roles" :key="role">{{ role }}</option></select></td>
          <td data-label="Comes in by">{{ way(user) }}</td>
          <td data-label="Last login">{{ since(user.last_login_at) }}</td>
          <td data-label="Active"><input type="checkbox" :checked="user.is_active" :aria-label="user.username + ' is active'"
            @change="activate(user, $event.target)"></td>
          <td class="acts">
            <button class="plain" type="button" :aria-label="'End the sessions of ' + user.username" @click="end(user)">End sessions</button>
            <button class="plain" type="button" :aria-label="'Remove ' + user.username" @click="remove(user)">Remove</button></td>
        </tr>
      </tbody>
    </table>
    <p v-else class="soft">Loading …</p>
  </section>
`;

const blank = () => ({ username: "", role: "viewer", password: "", identity_sub: "" });

export default {
  template,
  props: { me: Object },
  data: () => ({ users: null, roles: ROLES, draft: blank(), isBusy: false, problem: "", done: "" }),
  mounted() {
    this.attempt("");
  },
  methods: {
    since,
    way(user) {
      const ways = [user.has_password ? "password" : "", user.identity_provider === "local" ? "" : user.identity_provider];
      return ways.filter(Boolean).join(", ") || "no password";
    },
    async add() {
      const given = Object.fromEntries(Object.entries(this.draft).filter(([, value]) => value));
      const isAdded = await this.attempt(`${given.username} is added.`, "POST", "/users", given);
      if (isAdded) this.draft = blank();
    },
    async promote(user, select) {
      const role = select.value;
      select.value = user.role;
      if (await confirmed(`Give ${user.username} the role ${role}?`, "Change the role"))
        await this.attempt(`${user.username} has the role ${role} now.`, "PATCH", `/users/${user.id}`, { role });
    },
    async activate(user, box) {
      const isOn = box.checked;
      box.checked = user.is_active;
      if (isOn || (await confirmed(`Switch ${user.username} off? Sessions end, and tokens open nothing until it is on again.`, "Switch off")))
        await this.attempt(`${user.username} is ${isOn ? "on" : "off"}.`, "PATCH", `/users/${user.id}`, { is_active: isOn });
    },
    async end(user) {
      if (await confirmed(`End every session of ${user.username}? Tokens stay.`, "End sessions"))
        await this.attempt(`The sessions of ${user.username} have ended.`, "DELETE", `/users/${user.id}/sessions`);
    },
    async remove(user) {
      if (await confirmed(`Remove ${user.username} with settings, signals, alerts and tokens? This cannot be undone.`, "Remove"))
        await this.attempt(`${user.username} is removed.`, "DELETE", `/users/${user.id}`);
    },
    // Ask for a change if there is one, then read everybody anew; say whether it was done.
    async attempt(done, ...change) {
      Object.assign(this, { isBusy: true, problem: "", done: "" });
      try {
        if (change.length) await ask(...change);
        this.users = (await ask("GET", "/users")).users;
        this.done = done;
        return true;
      } catch (error) {
        this.problem = error.message;
        return false;
      } finally {
        this.isBusy = false;
      }
    },
  },
};
