/* drill/parse_expr.c: calls and values. A tree is compared as text. */
#include "support/unit.h"

#include <string.h>

#include "drill/ast.h"
#include "drill/text.h"

static void show(const struct drill_expr *expr, struct drill_text *text);

static void show_items(const struct drill_expr *expr, unsigned from, const char *brackets, struct drill_text *text) {
    drill_text_bytes(text, brackets, 1);
    for (unsigned i = from; i < expr->nitems; i++) {
        if (i > from) drill_text_add(text, " ");
        show(expr->item[i], text);
    }
    drill_text_bytes(text, brackets + 1, 1);
}

static void show(const struct drill_expr *expr, struct drill_text *text) {
    static const char *const operators[] = {[DRILL_OR] = "|", [DRILL_SHIFT_LEFT] = "<<"};
    switch (expr->kind) {
    case DRILL_ELLIPSIS: drill_text_add(text, "..."); break;
    case DRILL_INTEGER: drill_text_add(text, expr->hex ? "0x%llx" : "%lld", (long long)expr->integer); break;
    case DRILL_WORD: drill_text_add(text, "%s", expr->text); break;
    case DRILL_STRING:
    case DRILL_STRING_MORE:
        drill_text_add(text, "\"");
        drill_text_bytes(text, expr->text, expr->len);
        drill_text_add(text, expr->kind == DRILL_STRING ? "\"" : "\"...");
        break;
    case DRILL_OR:
    case DRILL_SHIFT_LEFT:
        drill_text_add(text, "%s", operators[expr->kind]);
        show_items(expr, 0, "()", text);
        break;
    case DRILL_CALL:
        drill_text_add(text, "%s", expr->text);
        show_items(expr, 0, "()", text);
        break;
    case DRILL_LIST: show_items(expr, 0, "[]", text); break;
    case DRILL_STRUCT: show_items(expr, 0, "{}", text); break;
    case DRILL_ASSIGN:
    case DRILL_FIELD:
        drill_text_add(text, expr->kind == DRILL_FIELD ? ".%s" : "%s", expr->text);
        if (expr->nitems > 1) show_items(expr, 1, "()", text);
        drill_text_add(text, "=");
        show(expr->item[0], text);
        break;
    }
}

static struct la_drill_script *parse(const char *call) {
    struct la_drill_script *script = NULL;
    struct la_drill_error error;
    char text[600] = "0 ";
    strcat(text, call);
    la_drill_parse(text, strlen(text), NULL, &script, &error);
    assert_string_equal(error.text, "");
    return script;
}

static void check(const char *value, const char *expected) {
    char call[500] = "f(", shown[500];
    struct la_drill_script *script = parse(strcat(strcat(call, value), ") = 0"));
    struct drill_text text = drill_text_in(shown, sizeof shown);
    assert_int_equal(script->events->call->nargs, 1);
    show(script->events->call->arg[0], &text);
    assert_string_equal(shown, expected);
    la_drill_free(script);
}

static void refuse(const char *call, unsigned column, const char *expected) {
    struct la_drill_script *script;
    struct la_drill_error error;
    assert_int_equal(la_drill_parse(call, strlen(call), NULL, &script, &error), -LA_EINVAL);
    assert_string_equal(error.text, expected);
    assert_int_equal(error.column, column);
}

static void simple_values(void **state) {
    (void)state;
    check("...", "...");
    check("-12", "-12");
    check("0xFf", "0xff");
    check("0xffffffffffffffff", "0xffffffffffffffff");
    check("-9223372036854775808", "-9223372036854775808");
    check("SOL_SOCKET", "SOL_SOCKET");
    check("[]", "[]");
    check("[1, [2], x]", "[1 [2] x]");
    check("A|B|C", "|(|(A B) C)");
    check("A|1<<2<<3", "|(A <<(<<(1 2) 3))");
    check("cc = cubic", "cc=cubic");
    check("htons(8080)", "htons(8080)");
    check("inet_addr(\"1.2.3.4\")", "inet_addr(\"1.2.3.4\")");
}

static void strings(void **state) {
    (void)state;
    check("\"a b\"", "\"a b\"");
    check("\"a\\\\\\x41\\n\\\"\"", "\"a\\A\n\"\"");
    check("\"ab\" \"cd\"", "\"abcd\"");
    check("\"ab\"...", "\"ab\"...");
    check("'c'", "\"c\"");
    struct la_drill_script *script = parse("f(\"a\\x00b\") = 0");
    assert_int_equal(script->events->call->arg[0]->len, 3);
    assert_memory_equal(script->events->call->arg[0]->text, "a\0b", 4);
    la_drill_free(script);
}

static void structures_need_no_grammar_of_their_own(void **state) {
    (void)state;
    check("{onoff=1, linger=0}", "{.onoff=1 .linger=0}");
    check("{sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr(\"::\")}",
          "{.sa_family=AF_INET .sin_port=htons(80) .sin_addr=inet_addr(\"::\")}");
    check("{msg_name(...)=..., msg_iov(2)=[{..., 10}, {iov_base=..., iov_len=3}], msg_flags=A|B}",
          "{.msg_name(...)=... .msg_iov(2)=[{... 10} {.iov_base=... .iov_len=3}] .msg_flags=|(A B)}");
    check("[{fd=3, events=POLLIN, revents=0}]", "[{.fd=3 .events=POLLIN .revents=0}]");
    check("{{1, 2}, 3}", "{{1 2} 3}");
}

static void tunnel_headers_are_read_over(void **state) {
    (void)state;
    struct la_drill_script *script = parse("f({(label 1, tc 2, [S], ttl 3)}, {flags [none], sum 0}) = 0");
    assert_int_equal(script->events->call->nargs, 2);
    assert_string_equal(script->not_applicable, "a GRE or MPLS header as a value");
    la_drill_free(script);
}

static void a_call_has_a_result_and_an_outcome(void **state) {
    (void)state;
    struct la_drill_script *script = parse("connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)");
    struct drill_call *call = script->events->call;
    assert_string_equal(call->name, "connect");
    assert_int_equal(call->nargs, 3);
    assert_int_equal(call->result->integer, -1);
    assert_string_equal(call->error, "EINPROGRESS");
    assert_string_equal(call->note, "Operation now in progress");
    assert_false(call->blocking);
    la_drill_free(script);
    script = parse("fcntl(3, F_GETFL) = 0x802 ( flags O_RDWR|O_NONBLOCK )");
    assert_null(script->events->call->error);
    assert_string_equal(script->events->call->note, "flags O_RDWR|O_NONBLOCK");
    la_drill_free(script);
    script = parse("f() = ...");
    assert_int_equal(script->events->call->nargs, 0);
    assert_int_equal(script->events->call->result->kind, DRILL_ELLIPSIS);
    la_drill_free(script);
}

static void errors(void **state) {
    (void)state;
    refuse("0 f(1) 3", 8, "expected '=' and a result behind a call, found \"3\"");
    refuse("0 f 3", 5, "expected '(' behind the name of a call, found \"3\"");
    refuse("0 f(1, , 2) = 0", 8, "expected a value, found \",\"");
    refuse("0 f([1, 2) = 0", 10, "expected ']' or ',' behind a value, found \")\"");
    refuse("0 f({a=1 b=2}) = 0", 10, "expected '}' or ',' behind a field, found \"b\"");
    refuse("0 f(\"\\q\") = 0", 5, "an unknown escape in a string");
    refuse("0 f(99999999999999999999) = 0", 5, "a number of more than 64 bits");
    refuse("0 f(1) = -1 EPIPE (Broken pipe\n+0 close(3) = 0", 19, "a note in parentheses without ')'");
    refuse("0 ...1 3", 8, "expected the name of a call, found \"3\"");
    refuse("0 f(1", 6, "expected ')' or ',' behind a value, found the end of the script");
}

static void nesting_is_bounded(void **state) {
    (void)state;
    char call[2000] = "0 f(";
    for (int i = 0; i < 500; i++) strcat(call, "[{");
    refuse(call, 5 + 64, "values nested too deeply");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_values),
        cmocka_unit_test(strings),
        cmocka_unit_test(structures_need_no_grammar_of_their_own),
        cmocka_unit_test(tunnel_headers_are_read_over),
        cmocka_unit_test(a_call_has_a_result_and_an_outcome),
        cmocka_unit_test(errors),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
