/* tcp/sent.c: the queue of records against a naive model, over thousands of random operations, growth and a sequence
 * space that turns round. */
#include "support/unit.h"

#include <string.h>

#include "tcp/sent.h"

#define MOST 300u

/* Each record carries its number in `lost`, which the queue does not look at. */
struct model {
    struct {
        seq from, to;
        uint32_t id;
    } at[MOST];
    uint32_t count;
    uint32_t time[MOST], linked;
    uint32_t ids;
    seq end;
};

static struct oom oom;
static struct env env;
static struct sent_queue q;
static struct model m;
static struct random r;

static int setup(void **unused) {
    (void)unused;
    oom_init(&oom);
    unit_env(&env, &oom);
    memset(&m, 0, sizeof m);
    m.end = seq_of(UINT32_MAX - 5000);
    r = (struct random){42};
    sent_init(&q);
    return 0;
}

static int teardown(void **unused) {
    (void)unused;
    sent_free(&q, &env);
    assert_int_equal(env.used, 0);
    env_free(&env);
    assert_int_equal(oom.blocks, 0);
    return 0;
}

static void same(void) {
    assert_int_equal(q.count, m.count);
    for (uint32_t i = 0; i < m.count; i++) {
        const struct sent *s = sent_at(&q, i);
        assert_true(seq_eq(s->from, m.at[i].from) && seq_eq(s->to, m.at[i].to));
        assert_int_equal(s->lost, m.at[i].id);
    }
    uint32_t n = 0, older = SENT_NONE;
    for (const struct sent *s = sent_oldest(&q); s; s = sent_newer(&q, s)) {
        assert_true(n < m.linked);
        assert_int_equal(s->lost, m.time[n++]);
        assert_int_equal(s->older, older);
        assert_true(s->marks & SENT_LINKED);
        older = (uint32_t)(s - q.at);
    }
    assert_int_equal(n, m.linked);
    assert_int_equal(q.newest, older);
    assert_true(sent_last(&q) == (m.count ? sent_at(&q, m.count - 1) : NULL));
}

static uint32_t time_of(uint32_t id) {
    uint32_t i = 0;
    while (i < m.linked && m.time[i] != id) i++;
    return i;
}

static void forget(uint32_t id) {
    uint32_t i = time_of(id);
    if (i == m.linked) return;
    memmove(&m.time[i], &m.time[i + 1], (--m.linked - i) * sizeof m.time[0]);
}

static void push(void) {
    if (m.count == MOST - 1) return;
    assert_true(sent_room(&q, &env, 1));
    struct sent *s = sent_push(&q);
    assert_int_equal(s->marks, 0);
    s->from = m.end;
    s->to = m.end = seq_add(m.end, 1 + random_below(&r, 1460));
    s->lost = ++m.ids;
    m.at[m.count].from = s->from;
    m.at[m.count].to = s->to;
    m.at[m.count++].id = s->lost;
}

static void pop(void) {
    if (!m.count) return;
    forget(m.at[0].id);
    memmove(&m.at[0], &m.at[1], --m.count * sizeof m.at[0]);
    sent_pop(&q, &env);
}

static void link_one(uint32_t i) {
    forget(m.at[i].id);
    m.time[m.linked++] = m.at[i].id;
    sent_link(&q, sent_at(&q, i));
}

static void unlink_one(uint32_t i) {
    if (time_of(m.at[i].id) == m.linked) return;
    forget(m.at[i].id);
    sent_unlink(&q, sent_at(&q, i));
}

/* The piece behind is newer than the piece before it, and older than everything that was. */
static void split(uint32_t i) {
    uint32_t len = seq_len(m.at[i].from, m.at[i].to), t = time_of(m.at[i].id);
    if (len < 2 || m.count == MOST - 1) return;
    seq at = seq_add(m.at[i].from, 1 + random_below(&r, len - 1));
    assert_true(sent_split(&q, &env, i, at));
    memmove(&m.at[i + 1], &m.at[i], (m.count++ - i) * sizeof m.at[0]);
    m.at[i].to = m.at[i + 1].from = at;
    m.at[i + 1].id = sent_at(&q, i + 1)->lost = ++m.ids;
    if (t == m.linked) return;
    memmove(&m.time[t + 1], &m.time[t], (m.linked++ - t) * sizeof m.time[0]);
    m.time[t + 1] = m.ids;
}

static void find(void) {
    seq x = seq_sub(m.end, random_below(&r, 200000));
    uint32_t want = 0;
    while (want < m.count && seq_leq(m.at[want].to, x)) want++;
    assert_int_equal(sent_find(&q, x), want);
}

static void random_operations_agree_with_a_naive_model(void **unused) {
    (void)unused;
    for (unsigned round = 0; round < 30000; round++) {
        bool grows = round / 1000 % 2 == 0;
        uint32_t what = random_below(&r, 100), i = m.count ? random_below(&r, m.count) : 0;
        if (what < (grows ? 40u : 15u))
            push();
        else if (what < 60)
            pop();
        else if (!m.count)
            continue;
        else if (what < 80)
            link_one(i);
        else if (what < 90)
            unlink_one(i);
        else if (what < 93)
            split(i);
        else
            find();
        if (round % 7 == 0) same();
    }
    while (m.count) pop();
    same();
    assert_null(q.at); /* Idle: no memory. */
}

static void without_memory_nothing_changes(void **unused) {
    (void)unused;
    oom.fail_at = oom.asked + 1;
    oom.fail_on = true;
    assert_false(sent_room(&q, &env, 1));
    assert_null(q.at);
    oom.fail_at = 0;
    oom.fail_on = false;
    for (uint32_t i = 0; i < 8; i++) push();
    for (uint32_t i = 0; i < 8; i += 2) link_one(i);
    oom.fail_at = oom.asked + 1;
    oom.fail_on = true;
    assert_true(sent_room(&q, &env, 0));
    assert_false(sent_room(&q, &env, 1));
    assert_false(sent_split(&q, &env, 3, seq_add(m.at[3].from, 1)));
    same();
}

static void what_nobody_could_hold_is_refused(void **unused) {
    (void)unused;
    push();
    assert_false(sent_room(&q, &env, UINT32_MAX / 2));
    same();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_operations_agree_with_a_naive_model, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_could_hold_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
