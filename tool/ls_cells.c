#include "ls_cells.h"

#include "habit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OWNERS_SHOWN 2
#define TICK (10 * LA_MS) /* Linux measures no finer. */

void time_text(char text[AGE_TEXT], la_time time) {
    uint64_t s = time / LA_SECOND;
    if (time < LA_SECOND)
        snprintf(text, AGE_TEXT, "%" PRIu64 " ms", time / LA_MS);
    else if (s < 10)
        snprintf(text, AGE_TEXT, "%" PRIu64 ".%" PRIu64 " s", s, time % LA_SECOND / (100 * LA_MS));
    else if (s < 120)
        snprintf(text, AGE_TEXT, "%" PRIu64 " s", s);
    else if (s < 7200)
        snprintf(text, AGE_TEXT, "%" PRIu64 " min", s / 60);
    else if (s < 172800)
        snprintf(text, AGE_TEXT, "%" PRIu64 " h", s / 3600);
    else
        snprintf(text, AGE_TEXT, "%" PRIu64 " d", s / 86400);
}

void age_text(char text[AGE_TEXT], const struct snap_age *age, bool drawn) {
    char least[AGE_TEXT], most[AGE_TEXT];
    time_text(least, age->least);
    time_text(most, age->most);
    if (age->most == LA_NEVER)
        snprintf(text, AGE_TEXT, "%s %.24s", drawn ? "≥" : ">=", least);
    else if (age->most - age->least < TICK || !strcmp(least, most))
        snprintf(text, AGE_TEXT, "%.24s", least);
    else
        snprintf(text, AGE_TEXT, "%.24s%s%.24s", least, drawn ? "–" : "-", most);
    if (age->most == LA_NEVER && !age->least) *text = '\0';
}

void endpoint_cell(struct cells *cells, struct ls_table *table, const struct la_endpoint *endpoint) {
    cells->say.len = 0;
    say_endpoint(&cells->say, endpoint);
    ls_table_cell(table, "", "%s", cells->say.text ? cells->say.text : "?");
}

void timer_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    char left[AGE_TEXT];
    (void)cells;
    if (conn->timer >= LA_NTIMERS) {
        ls_table_cell(table, "", "%s", "");
        return;
    }
    ls_table_cell(table, "", "%s", la_timer_name((enum la_timer)conn->timer));
    if (conn->timer_left != LA_NEVER) {
        time_text(left, conn->timer_left);
        ls_table_more(table, " %s", left);
    }
    if (conn->tries) ls_table_more(table, " (%u tried)", conn->tries);
}

/* --- Owners --- */

static const struct snap_proc *proc_at(const struct snap *snap, uint32_t proc) {
    return proc < snap->nprocs ? &snap->procs[proc] : NULL;
}

static void add_owners(const struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    uint32_t shown = cells->wide || conn->nowners <= OWNERS_SHOWN ? conn->nowners : OWNERS_SHOWN;
    for (uint32_t i = 0; i < shown; i++) {
        const struct snap_owner *owner = &cells->snap->owners[conn->first_owner + i];
        const struct snap_proc *proc = proc_at(cells->snap, owner->proc);
        if (!proc) continue;
        ls_table_more(table, "%s%s", i ? ", " : "", proc->program);
        if (proc->pid > 0) ls_table_more(table, " %d", (int)proc->pid);
        if (owner->fd >= 0) ls_table_more(table, "/%d", (int)owner->fd);
    }
    if (shown < conn->nowners) ls_table_more(table, " +%u more", conn->nowners - shown);
}

static void add_holds(const struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    for (uint32_t i = 0; i < conn->nholds; i++) {
        const struct snap_hold *hold = &cells->snap->holds[conn->first_hold + i];
        const struct snap_proc *proc = proc_at(cells->snap, hold->proc);
        bool message = hold->kind == SNAP_HOLD_MESSAGE;
        ls_table_more(table, "%s%s", i || conn->nowners ? ", " : "", message ? "in a message" : "io_uring");
        if (!proc) continue;
        ls_table_more(table, " %s %s", message ? "to" : "of", proc->program);
        if (proc->pid > 0) ls_table_more(table, " %d", (int)proc->pid);
        if (hold->fd >= 0) ls_table_more(table, "/%d", (int)hold->fd);
    }
}

/* Who has it where no process does. */
static const char *nobody(const struct snap *snap, const struct snap_conn *conn) {
    if (conn->marks & SNAP_QUEUED) return "not accepted yet";
    if (conn->marks & (SNAP_EMBRYO | SNAP_RECORD)) return "kernel";
    if (conn->netns < snap->nnetns && snap->netns[conn->netns].stack) return "stack";
    if (!conn->inode) return "kernel";
    return snap->owners_known ? "not seen" : "";
}

void owner_cell(struct cells *cells, struct ls_table *table, const struct snap_conn *conn) {
    bool held = conn->nowners || conn->nholds;
    ls_table_cell(table, "", "%s", held ? "" : nobody(cells->snap, conn));
    add_owners(cells, table, conn);
    add_holds(cells, table, conn);
}

/* --- Keys --- */

static void user_cell(struct ls_table *table, uint32_t uid) {
    ls_table_cell(table, "", "%s", uid == UINT32_MAX ? "-" : habit_user(uid));
}

static void address_cell(struct ls_table *table, const struct la_addr *addr) {
    char text[LA_ADDR_TEXT];
    struct la_addr any4 = la_addr4(0, 0, 0, 0), any6 = {{0}};
    bool any = la_addr_equal(addr, &any4) || la_addr_equal(addr, &any6);
    la_addr_format(addr, text, sizeof text);
    ls_table_cell(table, "", "%s", any ? "*" : text);
}

static void proc_cell(struct cells *cells, struct ls_table *table, enum ls_key key, const struct snap_conn *conn) {
    const struct snap_proc *proc = proc_at(cells->snap, snap_first_proc(cells->snap, conn));
    const char *text = NULL;
    if (key == KEY_PID && proc && proc->pid > 0) {
        ls_table_cell(table, "", "%d", (int)proc->pid);
        return;
    }
    if (proc && key == KEY_PROGRAM) text = proc->program;
    if (proc && key == KEY_UNIT) text = proc->unit;
    if (proc && key == KEY_CONTAINER) text = proc->container;
    ls_table_cell(table, "", "%s", text ? text : "-");
}

void cell_of_key(struct cells *cells, struct ls_table *table, enum ls_key key, const struct snap_conn *conn) {
    const struct snap *snap = cells->snap;
    const char *netns = conn->netns < snap->nnetns ? snap->netns[conn->netns].name : NULL;
    switch (key) {
    case KEY_USER: user_cell(table, conn->uid); break;
    case KEY_STATE:
        ls_table_cell(table, look_state(conn->state), "%s", la_state_name((enum la_state)conn->state));
        break;
    case KEY_PEER: endpoint_cell(cells, table, &conn->peer); break;
    case KEY_PEER_ADDR: address_cell(table, &conn->peer.addr); break;
    case KEY_PEER_PORT: ls_table_cell(table, "", "%u", conn->peer.port); break;
    case KEY_LOCAL: endpoint_cell(cells, table, &conn->local); break;
    case KEY_LOCAL_PORT: ls_table_cell(table, "", "%u", conn->local.port); break;
    case KEY_NETNS: ls_table_cell(table, "", "%s", netns ? netns : "self"); break;
    default: proc_cell(cells, table, key, conn);
    }
}
