/* What a control socket is asked, and what it answers: one line in, text out. No system calls: linux_control.h carries
 * it.
 *
 *     snapshot            the document of snap_json.h
 *     why                 what is wrong, as sentences; nothing where nothing is
 *     reset LOCAL PEER [ID]
 *                         la_conn_abort of the connection between the two ("10.0.0.1:80", "[fe80::1%2]:80"): "ok". With
 *                         an ID (la_conn_info.id, hexadecimal), only if it is that one
 *     help                these lines
 *
 * Anything else, and what fails, is answered "error: " and a sentence. */
#ifndef INSPECT_CONTROL_H
#define INSPECT_CONTROL_H

#include "say.h"
#include "snap_stack.h"

/* Appends the answer to `out`. False: no memory. */
bool control_answer(struct la_stack *stack, la_time now, const struct stack_names *names, const char *request,
                    struct say *out);

/* An endpoint as requests have it, both ways. */
void control_say_endpoint(struct say *out, const struct la_endpoint *endpoint);
bool control_endpoint(const char *text, struct la_endpoint *endpoint);

/* inspect.c: a stack as the snapshot's document, and as the sentences of its findings. False: no memory. */
bool stack_say_json(const struct la_stack *stack, la_time now, const struct stack_names *names, struct say *out);
bool stack_say_why(const struct la_stack *stack, la_time now, const struct stack_names *names, struct say *out);

#endif
