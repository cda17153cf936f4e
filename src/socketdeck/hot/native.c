/* The hot path in C: what lies between a handler's recv and the kernel.
 *
 * It does what inbox.py, counts.py, numbering.py and tap_python.py do, which say what is meant and stand in for it
 * where it was not built; a call of a Python function costs five times what is done in it. Nothing
 * here gives up the interpreter lock, except in the calls of the kernel that were asked for, so that
 * each count and each record is whole; where there is no such lock this is not used.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <time.h>

#ifdef Py_GIL_DISABLED
#error "the counts are guarded by the interpreter lock"
#endif

enum { COUNTERS, EVENTS, PAYLOAD };
enum { IN, OUT };

/* -- the inbox -------------------------------------------------------------------------------- */

/* What happened: an event, whose kind is `kind`, or data, where that is NULL. */
typedef struct {
    double time; /* seconds since the epoch */
    PyObject *origin;
    PyObject *kind;
    PyObject *payload; /* NULL where bytes are not kept */
    Py_ssize_t size;
    Py_ssize_t count; /* of the messages that are folded into it */
    int direction;
} Record;

#define CHUNK_RECORDS 256

typedef struct Chunk {
    struct Chunk *next;
    Record records[CHUNK_RECORDS];
} Chunk;

/* A queue of records in a chain of chunks, since most are short and few are long. One emptied chunk
 * is kept. It is not known to the collector: what it holds does not lead back to it. */
typedef struct {
    PyObject_HEAD
    Chunk *head, *tail, *spare;
    int first, last; /* in head, in tail */
    Py_ssize_t count, capacity, fold_above;
    long long pushed, popped; /* ever: the number of the newest, and of the last that left */
    long long lost;           /* and not told of yet */
} Inbox;

/* Where the last record of somebody's stands: gone once it has left the inbox. */
typedef struct {
    Record *record;
    long long number;
} Place;

static PyTypeObject InboxType;

static double
now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_REALTIME, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec * 1e-9;
}

static void
release(Record *record)
{
    Py_XDECREF(record->origin);
    Py_XDECREF(record->kind);
    Py_XDECREF(record->payload);
}

static Record
pop(Inbox *inbox)
{
    Chunk *head = inbox->head;
    Record record = head->records[inbox->first++];
    inbox->count--;
    inbox->popped++;
    if (inbox->first == CHUNK_RECORDS || inbox->count == 0) {
        inbox->first = 0;
        if (inbox->count == 0) {
            inbox->last = 0; /* head is tail */
        } else {
            inbox->head = head->next;
            if (inbox->spare == NULL) {
                inbox->spare = head;
            } else {
                PyMem_RawFree(head);
            }
        }
    }
    return record;
}

/* Room for one more at the end, or NULL where there is no memory for it. */
static Record *
room(Inbox *inbox)
{
    if (inbox->tail == NULL || inbox->last == CHUNK_RECORDS) {
        Chunk *chunk = inbox->spare;
        inbox->spare = NULL;
        if (chunk == NULL && (chunk = PyMem_RawMalloc(sizeof(Chunk))) == NULL) {
            return NULL;
        }
        chunk->next = NULL;
        if (inbox->tail == NULL) {
            inbox->head = chunk;
        } else {
            inbox->tail->next = chunk;
        }
        inbox->tail = chunk;
        inbox->last = 0;
    }
    return &inbox->tail->records[inbox->last++];
}

/* Put a record at the end, where it takes the place of the oldest if need be. Its references are
 * given away. */
static Place
push(Inbox *inbox, Record record)
{
    Record oldest = {0};
    Place place = {0};
    if (inbox->count >= inbox->capacity) {
        oldest = pop(inbox);
        inbox->lost += oldest.count;
    }
    if ((place.record = room(inbox)) != NULL) {
        *place.record = record;
        place.number = ++inbox->pushed;
        inbox->count++;
    } else {
        inbox->lost += record.count;
        release(&record);
    }
    release(&oldest); /* last of all: it may run code of anybody's */
    return place;
}

/* Add data to what its like left in the inbox, where there is so much in it that it will be folded
 * anyway; whether that could be. */
static int
folds_into(Inbox *inbox, Place place, Py_ssize_t length)
{
    if (inbox->count <= inbox->fold_above || place.number <= inbox->popped) {
        return 0;
    }
    place.record->size += length;
    place.record->count++;
    return 1;
}

static int
Inbox_init(Inbox *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"capacity", "fold_above", NULL};
    Py_ssize_t capacity, fold_above;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nn", names, &capacity, &fold_above)) {
        return -1;
    }
    if (capacity < 1) {
        PyErr_SetString(PyExc_ValueError, "capacity must be at least 1");
        return -1;
    }
    self->capacity = capacity;
    self->fold_above = fold_above;
    return 0;
}

static void
Inbox_dealloc(Inbox *self)
{
    while (self->count) {
        Record record = pop(self);
        release(&record);
    }
    PyMem_RawFree(self->head);
    PyMem_RawFree(self->spare);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static Py_ssize_t
Inbox_length(Inbox *self)
{
    return self->count;
}

static PyObject *
Inbox_record(Inbox *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyUnicode_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "record(origin, kind, data)");
        return NULL;
    }
    push(self, (Record){.time = now(),
                        .origin = Py_NewRef(args[0]),
                        .kind = Py_NewRef(args[1]),
                        .payload = Py_NewRef(args[2]),
                        .count = 1});
    Py_RETURN_NONE;
}

static PyObject *
Inbox_data(Inbox *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4) {
        PyErr_SetString(PyExc_TypeError, "data(origin, direction, length, payload)");
        return NULL;
    }
    long direction = PyLong_AsLong(args[1]);
    Py_ssize_t length = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    PyObject *payload = args[3] == Py_None ? NULL : Py_NewRef(args[3]);
    push(self, (Record){.time = now(),
                        .origin = Py_NewRef(args[0]),
                        .payload = payload,
                        .size = length,
                        .count = 1,
                        .direction = direction ? OUT : IN});
    Py_RETURN_NONE;
}

/* Data of one origin and direction as one, where its first stood: `records` in place, their new
 * length; -1 where there is no memory. */
static Py_ssize_t
fold(Record *records, Py_ssize_t length)
{
    size_t slots = 16;
    while (slots < (size_t)length * 2) {
        slots *= 2;
    }
    Py_ssize_t *table = PyMem_Calloc(slots, sizeof(Py_ssize_t)); /* index + 1 */
    if (table == NULL) {
        return -1;
    }
    Py_ssize_t kept = 0;
    for (Py_ssize_t index = 0; index < length; index++) {
        Record *record = &records[index];
        if (record->kind == NULL) {
            size_t slot = ((size_t)record->origin >> 4) * 2 + (size_t)record->direction;
            Py_ssize_t *entry;
            Record *other = NULL;
            for (;; slot++) {
                entry = &table[slot & (slots - 1)];
                if (*entry == 0) {
                    other = NULL;
                    break;
                }
                other = &records[*entry - 1];
                if (other->origin == record->origin && other->direction == record->direction) {
                    break;
                }
            }
            if (other != NULL) {
                other->size += record->size;
                other->count += record->count;
                release(record); /* a tuple that lives on, and bytes */
                continue;
            }
            *entry = kept + 1;
        }
        records[kept++] = records[index];
    }
    PyMem_Free(table);
    return kept;
}

static PyObject *
as_tuple(Record *record)
{
    PyObject *tuple = PyTuple_New(6);
    if (tuple == NULL) {
        return NULL;
    }
    PyTuple_SET_ITEM(tuple, 0, PyFloat_FromDouble(record->time));
    PyTuple_SET_ITEM(tuple, 1, Py_NewRef(record->origin));
    PyTuple_SET_ITEM(tuple, 2, record->kind != NULL ? Py_NewRef(record->kind)
                                                    : PyLong_FromLong(record->direction));
    PyTuple_SET_ITEM(tuple, 3, PyLong_FromSsize_t(record->size));
    PyTuple_SET_ITEM(tuple, 4, Py_NewRef(record->payload != NULL ? record->payload : Py_None));
    PyTuple_SET_ITEM(tuple, 5, PyLong_FromSsize_t(record->count));
    for (Py_ssize_t index = 0; index < 6; index++) {
        if (PyTuple_GET_ITEM(tuple, index) == NULL) {
            Py_DECREF(tuple);
            return NULL;
        }
    }
    return tuple;
}

static PyObject *
Inbox_take(Inbox *self, PyObject *argument)
{
    Py_ssize_t limit = PyLong_AsSsize_t(argument);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_ssize_t length = Py_MIN(self->count, limit), taken = 0;
    Record *records = PyMem_New(Record, length ? length : 1);
    if (records == NULL) {
        return PyErr_NoMemory();
    }
    /* Out of the queue first: to build a tuple may start the collector, and so anybody's code. */
    for (Py_ssize_t index = 0; index < length; index++) {
        records[index] = pop(self);
        taken += records[index].count;
    }
    if (length > self->fold_above) {
        Py_ssize_t kept = fold(records, length);
        length = kept < 0 ? length : kept;
    }
    PyObject *list = PyList_New(length);
    for (Py_ssize_t index = 0; index < length; index++) {
        PyObject *tuple = list != NULL ? as_tuple(&records[index]) : NULL;
        if (tuple != NULL) {
            PyList_SET_ITEM(list, index, tuple);
        } else {
            Py_CLEAR(list);
        }
        release(&records[index]);
    }
    PyMem_Free(records);
    return list != NULL ? Py_BuildValue("nN", taken, list) : NULL;
}

static PyObject *
Inbox_take_lost(Inbox *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs),
                PyObject *Py_UNUSED(kwnames))
{
    PyObject *lost = PyLong_FromLongLong(self->lost);
    self->lost = 0;
    return lost;
}

static PyMethodDef inbox_methods[] = {
    {"record", (PyCFunction)(void (*)(void))Inbox_record, METH_FASTCALL, NULL},
    {"data", (PyCFunction)(void (*)(void))Inbox_data, METH_FASTCALL, NULL},
    {"take", (PyCFunction)Inbox_take, METH_O, NULL},
    {"take_lost", (PyCFunction)(void (*)(void))Inbox_take_lost, METH_FASTCALL | METH_KEYWORDS,
     NULL},
    {NULL},
};

static PyMemberDef inbox_members[] = {
    {"missing", T_LONGLONG, offsetof(Inbox, lost), READONLY},
    {NULL},
};

static PySequenceMethods inbox_sequence = {.sq_length = (lenfunc)Inbox_length};

static PyTypeObject InboxType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "socketdeck.hot._native.Inbox",
    .tp_basicsize = sizeof(Inbox),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Inbox_init,
    .tp_dealloc = (destructor)Inbox_dealloc,
    .tp_as_sequence = &inbox_sequence,
    .tp_methods = inbox_methods,
    .tp_members = inbox_members,
};

/* -- from records to events ------------------------------------------------------------------- */

enum { EVENT_BYTES = 300 }; /* about what one takes in memory, but for its texts and payload */

static PyObject *directions[2], *key_direction, *key_length, *key_data, *key_truncated, *key_count;
static PyObject *kind_data;

/* The `data` of a `connection.data` event; `record` is what `as_tuple` makes. */
static PyObject *
data_detail(PyObject *record)
{
    PyObject *payload = PyTuple_GET_ITEM(record, 4), *count = PyTuple_GET_ITEM(record, 5);
    Py_ssize_t length = PyLong_AsSsize_t(PyTuple_GET_ITEM(record, 3));
    int outward = PyLong_AsLong(PyTuple_GET_ITEM(record, 2)) != IN;
    int truncated = PyBytes_Check(payload) && PyBytes_GET_SIZE(payload) < length;
    int folded = PyLong_AsLong(count) > 1;
    PyObject *detail = PyErr_Occurred() ? NULL : PyDict_New();
    if (detail == NULL ||
        PyDict_SetItem(detail, key_direction, directions[outward]) ||
        PyDict_SetItem(detail, key_length, PyTuple_GET_ITEM(record, 3)) ||
        PyDict_SetItem(detail, key_data, payload) ||
        PyDict_SetItem(detail, key_truncated, truncated ? Py_True : Py_False) ||
        (folded && PyDict_SetItem(detail, key_count, count))) {
        Py_CLEAR(detail);
    }
    return detail;
}

static Py_ssize_t
weight_of(PyObject *data)
{
    Py_ssize_t weight = EVENT_BYTES, at = 0;
    PyObject *value;
    while (PyDict_Next(data, &at, NULL, &value)) {
        if (PyBytes_Check(value)) {
            weight += PyBytes_GET_SIZE(value);
        } else if (PyUnicode_Check(value)) {
            weight += PyUnicode_GET_LENGTH(value);
        }
    }
    return weight;
}

/* Whether a dict holds but plain values, and such dicts to a `depth`; then the collector, which went
 * through tens of thousands of them again and again, leaves them alone from now on. It does so by
 * itself with some. */
static int
is_plain(PyObject *dict, int depth)
{
    Py_ssize_t at = 0;
    PyObject *value;
    while (PyDict_Next(dict, &at, NULL, &value)) {
        if (PyObject_IS_GC(value) &&
            !(depth > 1 && PyDict_CheckExact(value) && is_plain(value, depth - 1))) {
            return 0;
        }
    }
    PyObject_GC_UnTrack(dict);
    return 1;
}

static PyObject *
event_of(PyTypeObject *event_class, PyObject *record, long long seq, Py_ssize_t *weight)
{
    if (!PyTuple_CheckExact(record) || PyTuple_GET_SIZE(record) != 6) {
        PyErr_SetString(PyExc_TypeError, "a record of an inbox is wanted");
        return NULL;
    }
    PyObject *origin = PyTuple_GET_ITEM(record, 1), *kind = PyTuple_GET_ITEM(record, 2);
    int told = PyUnicode_Check(kind);
    PyObject *data = told ? Py_NewRef(PyTuple_GET_ITEM(record, 4)) : data_detail(record);
    if (data == NULL) {
        return NULL;
    }
    if (!PyTuple_CheckExact(origin) || PyTuple_GET_SIZE(origin) != 2 || !PyDict_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "an event has a service, a connection and a dict of data");
        Py_DECREF(data);
        return NULL;
    }
    *weight += weight_of(data);
    PyObject *number = PyLong_FromLongLong(seq);
    PyObject *event = number != NULL ? event_class->tp_alloc(event_class, 6) : NULL;
    if (event == NULL) {
        Py_XDECREF(number);
        Py_DECREF(data);
        return NULL;
    }
    PyTuple_SET_ITEM(event, 0, number);
    PyTuple_SET_ITEM(event, 1, Py_NewRef(PyTuple_GET_ITEM(record, 0)));
    PyTuple_SET_ITEM(event, 2, Py_NewRef(PyTuple_GET_ITEM(origin, 0)));
    PyTuple_SET_ITEM(event, 3, Py_NewRef(PyTuple_GET_ITEM(origin, 1)));
    PyTuple_SET_ITEM(event, 4, Py_NewRef(told ? kind : kind_data));
    PyTuple_SET_ITEM(event, 5, data);
    if (PyDict_CheckExact(data) && is_plain(data, 2)) {
        PyObject_GC_UnTrack(event);
    }
    return event;
}

/* numbered(records, first_seq, event_class): see numbering.py. */
static PyObject *
numbered(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *records;
    PyTypeObject *event_class;
    long long seq;
    if (!PyArg_ParseTuple(args, "O!LO!:numbered", &PyList_Type, &records, &seq, &PyType_Type,
                          &event_class)) {
        return NULL;
    }
    if (!PyType_IsSubtype(event_class, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "a class of named tuples is wanted");
        return NULL;
    }
    Py_ssize_t length = PyList_GET_SIZE(records), weight = 0;
    PyObject *events = PyList_New(length);
    for (Py_ssize_t index = 0; events != NULL && index < length; index++) {
        PyObject *record = Py_NewRef(PyList_GET_ITEM(records, index));
        PyObject *event = event_of(event_class, record, seq + index, &weight);
        Py_DECREF(record);
        if (event != NULL) {
            PyList_SET_ITEM(events, index, event);
        } else {
            Py_CLEAR(events);
        }
    }
    return events != NULL ? Py_BuildValue("Nn", events, weight) : NULL;
}

static int
name_keys(void)
{
    return (directions[IN] = PyUnicode_InternFromString("in")) != NULL &&
           (directions[OUT] = PyUnicode_InternFromString("out")) != NULL &&
           (key_direction = PyUnicode_InternFromString("direction")) != NULL &&
           (key_length = PyUnicode_InternFromString("length")) != NULL &&
           (key_data = PyUnicode_InternFromString("data")) != NULL &&
           (key_truncated = PyUnicode_InternFromString("truncated")) != NULL &&
           (key_count = PyUnicode_InternFromString("count")) != NULL &&
           (kind_data = PyUnicode_InternFromString("connection.data")) != NULL;
}

/* -- counts ----------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    PyObject *inbox, *origin, *touch;
    Py_ssize_t prefix;
    long long bytes_in, bytes_out, messages_in, messages_out, unseen;
    Place last[2]; /* in the inbox, for each direction */
    char changed, peer_ended;
} Counts;

static int
Counts_init(Counts *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"inbox", "origin", "touch", "prefix", NULL};
    PyObject *inbox, *origin, *touch;
    Py_ssize_t prefix;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OOn", names, &InboxType, &inbox, &origin,
                                     &touch, &prefix)) {
        return -1;
    }
    Py_XSETREF(self->inbox, Py_NewRef(inbox));
    Py_XSETREF(self->origin, Py_NewRef(origin));
    Py_XSETREF(self->touch, Py_NewRef(touch));
    self->prefix = prefix;
    return 0;
}

static int
Counts_traverse(Counts *self, visitproc visit, void *arg)
{
    Py_VISIT(self->origin);
    Py_VISIT(self->touch);
    return 0;
}

static int
Counts_clear(Counts *self)
{
    Py_CLEAR(self->inbox);
    Py_CLEAR(self->origin);
    Py_CLEAR(self->touch);
    return 0;
}

static void
Counts_dealloc(Counts *self)
{
    PyObject_GC_UnTrack(self);
    Counts_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef counts_members[] = {
    {"inbox", T_OBJECT_EX, offsetof(Counts, inbox), READONLY},
    {"origin", T_OBJECT_EX, offsetof(Counts, origin), READONLY},
    {"touch", T_OBJECT_EX, offsetof(Counts, touch), READONLY},
    {"prefix", T_PYSSIZET, offsetof(Counts, prefix)},
    {"bytes_in", T_LONGLONG, offsetof(Counts, bytes_in)},
    {"bytes_out", T_LONGLONG, offsetof(Counts, bytes_out)},
    {"messages_in", T_LONGLONG, offsetof(Counts, messages_in)},
    {"messages_out", T_LONGLONG, offsetof(Counts, messages_out)},
    {"unseen", T_LONGLONG, offsetof(Counts, unseen)},
    {"changed", T_BOOL, offsetof(Counts, changed)},
    {"peer_ended", T_BOOL, offsetof(Counts, peer_ended)},
    {NULL},
};

static PyTypeObject CountsType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "socketdeck.hot._native.Counts",
    .tp_basicsize = sizeof(Counts),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Counts_init,
    .tp_traverse = (traverseproc)Counts_traverse,
    .tp_clear = (inquiry)Counts_clear,
    .tp_dealloc = (destructor)Counts_dealloc,
    .tp_members = counts_members,
};

static void
touch(Counts *counts)
{
    if (counts->changed) {
        return;
    }
    counts->changed = 1;
    PyObject *answer = PyObject_CallOneArg(counts->touch, (PyObject *)counts);
    if (answer == NULL) {
        PyErr_WriteUnraisable(counts->touch);
    }
    Py_XDECREF(answer);
}

static void
add(Counts *counts, int direction, Py_ssize_t length, int messages)
{
    if (direction == IN) {
        counts->bytes_in += length;
        counts->messages_in += messages;
    } else {
        counts->bytes_out += length;
        counts->messages_out += messages;
    }
}

/* The first bytes of what a buffer holds, at most `limit` (0: all), as bytes of their own. NULL, and
 * no error, where there is no memory for them, or it is no buffer. */
static PyObject *
seen(PyObject *buffer, Py_ssize_t length, Py_ssize_t limit)
{
    if (limit > 0 && length > limit) {
        length = limit;
    }
    if (PyBytes_CheckExact(buffer) && PyBytes_GET_SIZE(buffer) == length) {
        return Py_NewRef(buffer);
    }
    Py_buffer view;
    PyObject *found = NULL;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE) == 0) {
        found = PyBytes_FromStringAndSize(view.buf, Py_MIN(length, view.len));
        PyBuffer_Release(&view);
    }
    if (found == NULL) {
        PyErr_Clear();
    }
    return found;
}

/* Record data: the first `length` bytes of `buffer`, or such a payload as `seen` has made of it. */
static void
tell(Counts *counts, int level, int direction, PyObject *buffer, Py_ssize_t length)
{
    Inbox *inbox = (Inbox *)counts->inbox;
    if (folds_into(inbox, counts->last[direction], length)) {
        return;
    }
    counts->last[direction] =
        push(inbox, (Record){.time = now(),
                             .origin = Py_NewRef(counts->origin),
                             .payload = level == PAYLOAD ? seen(buffer, length, counts->prefix) : NULL,
                             .size = length,
                             .count = 1,
                             .direction = direction});
}

/* The same, where the level asks for it; else it is one that nobody has seen. */
static void
record(Counts *counts, int level, int direction, PyObject *buffer, Py_ssize_t length)
{
    if (level >= EVENTS) {
        tell(counts, level, direction, buffer, length);
    } else {
        counts->unseen++;
    }
}

/* A message went by, the first `length` bytes of `buffer`. */
static void
note(Counts *counts, int level, int direction, PyObject *buffer, Py_ssize_t length)
{
    add(counts, direction, length, 1);
    record(counts, level, direction, buffer, length);
    touch(counts);
}

/* -- tapped sockets --------------------------------------------------------------------------- */

static PyObject *stock_recv, *stock_recv_into, *stock_send, *stock_sendall;
static PyObject *name_failed, *name_recv, *name_recv_into;
static Py_ssize_t connection_offset;

/* Borrowed; NULL where a socket has none yet. */
static Counts *
connection_of(PyObject *self)
{
    PyObject *found = *(PyObject **)((char *)self + connection_offset);
    return found != NULL && PyObject_TypeCheck(found, &CountsType) ? (Counts *)found : NULL;
}

/* The classes that were tapped, by their level. */
static PyTypeObject *tapped_classes[PAYLOAD + 1];

/* How closely a socket is looked at now: while it waited in the kernel, that may have changed. */
static int
level_now(PyObject *self, int level)
{
    PyTypeObject *now = Py_TYPE(self);
    if (now != tapped_classes[level]) {
        for (int other = COUNTERS; other <= PAYLOAD; other++) {
            if (now == tapped_classes[other]) {
                return other;
            }
        }
    }
    return level;
}

/* A call of the kernel raised: what it says of the peer is noted, and it goes on. */
static PyObject *
failed(PyObject *self)
{
    PyObject *type, *error, *traceback;
    if (PyErr_ExceptionMatches(PyExc_OSError) && connection_of(self) != NULL) {
        PyErr_Fetch(&type, &error, &traceback);
        PyErr_NormalizeException(&type, &error, &traceback);
        PyObject *answer = PyObject_CallMethodOneArg(self, name_failed, error);
        if (answer == NULL) {
            PyErr_WriteUnraisable(self);
        }
        Py_XDECREF(answer);
        PyErr_Restore(type, error, traceback);
    }
    return NULL;
}

/* A method of socket.socket on `self`, with the arguments as they came. */
static PyObject *
stock(PyObject *method, PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *stack[5] = {NULL, self};
    if (nargs > 3) {
        nargs = 3; /* too many in any case: it says so */
    }
    for (Py_ssize_t index = 0; index < nargs; index++) {
        stack[index + 2] = args[index];
    }
    return PyObject_Vectorcall(method, stack + 1,
                               (size_t)(nargs + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* The rarer ways to call are written in Python: `tap.CountingSocket`. */
static PyObject *
by_python(PyObject *name, PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *method = PyObject_GetAttr(self, name);
    if (method == NULL) {
        return NULL;
    }
    PyObject *found = PyObject_Vectorcall(method, args, (size_t)nargs, kwnames);
    Py_DECREF(method);
    return found;
}

static PyObject *
tapped_recv(PyObject *self, PyObject *const *args, Py_ssize_t nargs, int level)
{
    if (nargs != 1) {
        return by_python(name_recv, self, args, nargs, NULL);
    }
    PyObject *data = stock(stock_recv, self, args, 1);
    if (data == NULL) {
        return failed(self);
    }
    Counts *counts = connection_of(self);
    if (counts != NULL) {
        Py_ssize_t length = PyBytes_GET_SIZE(data);
        if (length) {
            note(counts, level_now(self, level), IN, data, length);
        } else if (PyObject_IsTrue(args[0]) == 1) {
            counts->peer_ended = 1;
        }
    }
    return data;
}

static PyObject *
tapped_recv_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                 int level)
{
    if (nargs != 1 || kwnames != NULL) {
        return by_python(name_recv_into, self, args, nargs, kwnames);
    }
    PyObject *answer = stock(stock_recv_into, self, args, 1);
    if (answer == NULL) {
        return failed(self);
    }
    Counts *counts = connection_of(self);
    if (counts != NULL) {
        Py_ssize_t length = PyLong_AsSsize_t(answer);
        if (length > 0) {
            note(counts, level_now(self, level), IN, args[0], length);
        } else if (PyObject_Size(args[0]) != 0) { /* else nothing was asked for */
            PyErr_Clear();
            counts->peer_ended = 1;
        }
    }
    return answer;
}

static PyObject *
tapped_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs, int level)
{
    PyObject *answer = stock(stock_send, self, args, nargs);
    if (answer == NULL) {
        return failed(self);
    }
    Counts *counts = connection_of(self);
    Py_ssize_t length = PyLong_AsSsize_t(answer);
    if (counts != NULL && length > 0) {
        note(counts, level_now(self, level), OUT, args[0], length);
    }
    return answer;
}

static PyObject *
tapped_sendall(PyObject *self, PyObject *const *args, Py_ssize_t nargs, int level)
{
    Counts *counts = connection_of(self);
    Py_ssize_t length = 0;
    if (nargs >= 1 && counts != NULL) {
        if (PyBytes_CheckExact(args[0])) {
            length = PyBytes_GET_SIZE(args[0]);
        } else {
            Py_buffer view;
            if (PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) == 0) {
                length = view.len;
                PyBuffer_Release(&view);
            } else {
                PyErr_Clear(); /* `sendall` says what is wrong with it */
            }
        }
    }
    if (length == 0) {
        PyObject *nothing = stock(stock_sendall, self, args, nargs);
        return nothing != NULL ? nothing : failed(self);
    }
    Py_INCREF(counts); /* its handler may give the socket another, or none, meanwhile */
    add(counts, OUT, length, 1);
    touch(counts);
    PyObject *answer = stock(stock_sendall, self, args, nargs);
    if (answer == NULL) {
        failed(self);
        add(counts, OUT, -length, -1);
    } else {
        record(counts, level_now(self, level), OUT, args[0], length);
        touch(counts);
    }
    Py_DECREF(counts);
    return answer;
}

/* `_received(length, buffer)` and `_sent(length, buffer)`: what the rarer methods say. */
static PyObject *
tapped_note(PyObject *self, PyObject *const *args, Py_ssize_t nargs, int level, int direction)
{
    Counts *counts = connection_of(self);
    Py_ssize_t length = nargs == 2 ? PyLong_AsSsize_t(args[0]) : -1;
    if (length < 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "a length and a buffer are wanted");
        }
        return NULL;
    }
    if (counts != NULL) {
        note(counts, level, direction, args[1], length);
    }
    Py_RETURN_NONE;
}

#define LEVEL(name, level)                                                                         \
    static PyObject *name##_recv(PyObject *self, PyObject *const *args, Py_ssize_t nargs)          \
    {                                                                                              \
        return tapped_recv(self, args, nargs, level);                                              \
    }                                                                                              \
    static PyObject *name##_recv_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs,     \
                                      PyObject *kwnames)                                           \
    {                                                                                              \
        return tapped_recv_into(self, args, nargs, kwnames, level);                                \
    }                                                                                              \
    static PyObject *name##_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs)          \
    {                                                                                              \
        return tapped_send(self, args, nargs, level);                                              \
    }                                                                                              \
    static PyObject *name##_sendall(PyObject *self, PyObject *const *args, Py_ssize_t nargs)       \
    {                                                                                              \
        return tapped_sendall(self, args, nargs, level);                                           \
    }                                                                                              \
    static PyObject *name##_received(PyObject *self, PyObject *const *args, Py_ssize_t nargs)      \
    {                                                                                              \
        return tapped_note(self, args, nargs, level, IN);                                          \
    }                                                                                              \
    static PyObject *name##_sent(PyObject *self, PyObject *const *args, Py_ssize_t nargs)          \
    {                                                                                              \
        return tapped_note(self, args, nargs, level, OUT);                                         \
    }                                                                                              \
    static PyMethodDef name##_methods[] = {                                                        \
        {"recv", (PyCFunction)(void (*)(void))name##_recv, METH_FASTCALL, NULL},                   \
        {"recv_into", (PyCFunction)(void (*)(void))name##_recv_into, METH_FASTCALL | METH_KEYWORDS, \
         NULL},                                                                                    \
        {"send", (PyCFunction)(void (*)(void))name##_send, METH_FASTCALL, NULL},                   \
        {"sendall", (PyCFunction)(void (*)(void))name##_sendall, METH_FASTCALL, NULL},             \
        {"_received", (PyCFunction)(void (*)(void))name##_received, METH_FASTCALL, NULL},          \
        {"_sent", (PyCFunction)(void (*)(void))name##_sent, METH_FASTCALL, NULL},                  \
        {NULL},                                                                                    \
    };

LEVEL(counters, COUNTERS)
LEVEL(events, EVENTS)
LEVEL(payload, PAYLOAD)

/* -- the module ------------------------------------------------------------------------------- */

static PyObject *
tap(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *tapped;
    const char *level;
    if (!PyArg_ParseTuple(args, "O!s:tap", &PyType_Type, &tapped, &level)) {
        return NULL;
    }
    PyObject *slot = PyObject_GetAttrString((PyObject *)tapped, "_connection");
    if (slot == NULL) {
        return NULL;
    }
    if (!Py_IS_TYPE(slot, &PyMemberDescr_Type)) {
        Py_DECREF(slot);
        PyErr_SetString(PyExc_TypeError, "a class with a slot `_connection` is wanted");
        return NULL;
    }
    connection_offset = ((PyMemberDescrObject *)slot)->d_member->offset;
    Py_DECREF(slot);
    static PyMethodDef *const methods_of[] = {counters_methods, events_methods, payload_methods};
    int rank = strcmp(level, "payload") == 0 ? PAYLOAD : strcmp(level, "events") == 0 ? EVENTS : COUNTERS;
    PyMethodDef *methods = methods_of[rank];
    Py_XSETREF(tapped_classes[rank], (PyTypeObject *)Py_NewRef(tapped));
    for (; methods->ml_name != NULL; methods++) {
        PyObject *method = PyDescr_NewMethod(tapped, methods);
        if (method == NULL || PyObject_SetAttrString((PyObject *)tapped, methods->ml_name, method)) {
            Py_XDECREF(method);
            return NULL;
        }
        Py_DECREF(method);
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"tap", tap, METH_VARARGS, NULL},
    {"numbered", numbered, METH_VARARGS, NULL},
    {NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_size = -1,
    .m_methods = functions,
};

static int
find_stock(PyObject *stock_class)
{
    return (stock_recv = PyObject_GetAttrString(stock_class, "recv")) != NULL &&
           (stock_recv_into = PyObject_GetAttrString(stock_class, "recv_into")) != NULL &&
           (stock_send = PyObject_GetAttrString(stock_class, "send")) != NULL &&
           (stock_sendall = PyObject_GetAttrString(stock_class, "sendall")) != NULL &&
           (name_failed = PyUnicode_InternFromString("_failed")) != NULL &&
           (name_recv = PyUnicode_InternFromString("_recv_with_flags")) != NULL &&
           (name_recv_into = PyUnicode_InternFromString("_recv_into_with_flags")) != NULL;
}

PyMODINIT_FUNC
PyInit__native(void)
{
    PyObject *made = NULL, *sockets = PyImport_ImportModule("_socket");
    PyObject *stock_class = sockets ? PyObject_GetAttrString(sockets, "socket") : NULL;
    if (stock_class != NULL && find_stock(stock_class) && name_keys() && PyType_Ready(&InboxType) == 0 &&
        PyType_Ready(&CountsType) == 0 && (made = PyModule_Create(&module)) != NULL &&
        (PyModule_AddObjectRef(made, "Inbox", (PyObject *)&InboxType) ||
         PyModule_AddObjectRef(made, "Counts", (PyObject *)&CountsType) ||
         PyModule_AddIntConstant(made, "VERSION", 3))) {
        Py_CLEAR(made);
    }
    Py_XDECREF(stock_class);
    Py_XDECREF(sockets);
    return made;
}
