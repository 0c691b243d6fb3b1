/* base/list.h */
#include "support/unit.h"

#include "base/list.h"

static void check(const struct list *head, struct list *const *want, unsigned n) {
    const struct list *at = head;
    for (unsigned i = 0; i < n; i++) {
        assert_ptr_equal(at->next, want[i]);
        assert_ptr_equal(at->next->prev, at);
        at = at->next;
    }
    assert_ptr_equal(at->next, head);
    assert_ptr_equal(head->prev, at);
    assert_int_equal(list_empty(head), n == 0);
    assert_ptr_equal(list_first(head), n ? want[0] : NULL);
}

static void lists_are_first_in_first_out(void **state) {
    (void)state;
    struct list head, node[3] = {{0}};
    list_init(&head);
    check(&head, NULL, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(list_linked(&node[i]));
        list_append(&head, &node[i]);
        assert_true(list_linked(&node[i]));
    }
    check(&head, (struct list *[]){&node[0], &node[1], &node[2]}, 3);
    list_remove(&node[1]);
    assert_false(list_linked(&node[1]));
    check(&head, (struct list *[]){&node[0], &node[2]}, 2);
    list_insert_before(&node[0], &node[1]);
    check(&head, (struct list *[]){&node[1], &node[0], &node[2]}, 3);
    for (unsigned i = 0; i < 3; i++) list_remove(&node[i]);
    check(&head, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_are_first_in_first_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
